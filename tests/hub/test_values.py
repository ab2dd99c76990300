"""hub/values.yaml says only what the chart of Zero to JupyterHub knows, in the types that it wants.

The chart's schema is not ours to ship; helm itself holds values against it before it changes anything. Where
GitHub can be reached, a test does the same. For everywhere else, here is in our words what it says about the
values that we give. Like there, a name that is not known is an error.
"""

import re
import urllib.request

import jsonschema
import pytest
import yaml

from hub import HERE

CHART_S_OWN = (  # BSD-3-Clause
    "https://raw.githubusercontent.com/jupyterhub/zero-to-jupyterhub-k8s/"
    "02dd73df01bdbb6d602fed21b0be12565ab38080/jupyterhub/"
)
VALUES = yaml.safe_load((HERE / "values.yaml").read_text())
ANYTHING = {"type": "object"}
NUMBER, TEXT = {"type": "number"}, {"type": ["string", "null"]}
WHOLE, YES_OR_NO = {"type": ["integer", "null"]}, {"type": "boolean"}
SIZE = {"type": ["number", "string", "null"]}


def only(required=(), **known):
    return {
        "type": "object",
        "properties": known,
        "additionalProperties": False,
        "required": list(required),
    }


CHART = only(
    hub=only(config=ANYTHING),
    proxy=only(
        https=only(
            enabled={"type": ["boolean", "null"]},
            hosts={"type": "array"},
            letsencrypt=only(contactEmail=TEXT, acmeServer=TEXT),
        )
    ),
    singleuser=only(
        image=only(required=("name", "tag"), name={"type": "string"}, tag={"type": "string"}),
        cmd={"type": ["array", "string", "null"]},
        defaultUrl=TEXT,
        startTimeout=WHOLE,
        memory=only(guarantee=SIZE, limit=SIZE),
        cpu=only(guarantee=NUMBER, limit=NUMBER),
        extraEnv={"type": ["object", "array"]},
        storage=only(
            required=("type", "homeMountPath"),
            type={"enum": ["dynamic", "static", "none"]},
            capacity=TEXT,
            homeMountPath={"type": "string"},
        ),
        lifecycleHooks=only(postStart=ANYTHING, preStop=ANYTHING),
    ),
    cull=only(required=("enabled",), enabled=YES_OR_NO, timeout=WHOLE, every=WHOLE),
    prePuller=only(hook=only(enabled=YES_OR_NO), continuous=only(enabled=YES_OR_NO)),
)


def test_the_chart_knows_every_value():
    jsonschema.validate(VALUES, CHART)


def merged(defaults, values):
    """Values over a chart's own, as helm lays them."""
    if isinstance(defaults, dict) and isinstance(values, dict):
        return defaults | {name: merged(defaults.get(name), value) for name, value in values.items()}
    return values


def of_the_chart(name):
    try:
        with urllib.request.urlopen(CHART_S_OWN + name, timeout=10) as answer:
            return yaml.safe_load(answer)
    except OSError as error:
        pytest.skip(f"GitHub cannot be reached: {error}")


def test_the_chart_s_own_schema_accepts_the_values():
    schema, defaults = of_the_chart("values.schema.yaml"), of_the_chart("values.yaml")
    jsonschema.validate(merged(defaults, VALUES), schema)
    with pytest.raises(jsonschema.ValidationError, match="memry"):
        jsonschema.validate(merged(defaults, {"singleuser": {"memry": {}}}), schema)


def test_helm_s_way_of_merging():
    assert merged({"a": {"b": 1, "c": [1, 2]}}, {"a": {"c": [3]}}) == {"a": {"b": 1, "c": [3]}}


def test_a_misspelt_value_would_be_found():
    with pytest.raises(jsonschema.ValidationError, match="memry"):
        jsonschema.validate({"singleuser": {"memry": {}}}, CHART)


def test_a_learner_has_the_same_limits_and_environment_as_on_one_machine():
    config = (HERE / "jupyterhub_config.py").read_text()
    assert re.search(r'mem_limit = "(\w+)"', config)[1] == VALUES["singleuser"]["memory"]["limit"]
    assert int(re.search(r"cpu_limit = (\d+)", config)[1]) == VALUES["singleuser"]["cpu"]["limit"]
    threads = VALUES["singleuser"]["extraEnv"]["OMP_NUM_THREADS"]
    assert threads == str(VALUES["singleuser"]["cpu"]["limit"])
