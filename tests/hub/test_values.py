"""hub/values.yaml says only what the chart of Zero to JupyterHub knows, in the types that it wants.

The chart's schema is not ours to ship; helm itself holds values against it before it changes anything. Here
is, in our words, what it says about the values that we give: read in its ``values.schema.yaml``,
https://github.com/jupyterhub/zero-to-jupyterhub-k8s at commit 02dd73df01bd. Like there, a name that is not
known is an error.
"""

import re

import jsonschema
import pytest
import yaml

from hub import HERE, spawner

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


def test_a_misspelt_value_would_be_found():
    with pytest.raises(jsonschema.ValidationError, match="memry"):
        jsonschema.validate({"singleuser": {"memry": {}}}, CHART)


def test_a_learner_has_the_same_limits_and_environment_as_on_one_machine():
    config = (HERE / "jupyterhub_config.py").read_text()
    assert re.search(r'mem_limit = "(\w+)"', config)[1] == VALUES["singleuser"]["memory"]["limit"]
    assert int(re.search(r"cpu_limit = (\d+)", config)[1]) == VALUES["singleuser"]["cpu"]["limit"]
    environment = VALUES["singleuser"]["extraEnv"]
    assert environment.items() >= spawner.GIVES_MEMORY_BACK.items()
    assert environment["OMP_NUM_THREADS"] == str(VALUES["singleuser"]["cpu"]["limit"])
