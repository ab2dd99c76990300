// Draws a page's widgets without Jupyter. ipywidgets' own html-manager does the same and more, among it every
// kind of output and ipywidgets 7: 3.6 MB of it, where this needs a seventh.

import * as base from "@jupyter-widgets/base";
import { ManagerBase } from "@jupyter-widgets/base-manager";
import * as controls from "@jupyter-widgets/controls";
import widgetsStyle from "@jupyter-widgets/controls/css/widgets-base.css";
import sliderStyle from "@jupyter-widgets/controls/css/nouislider.css";
import { Widget } from "@lumino/widgets";
import buildAnywidget from "./anywidget.js"; // scripts.py writes it: what Python's anywidget brings along

const MODULES = {
  "@jupyter-widgets/base": base,
  "@jupyter-widgets/controls": controls,
  anywidget: buildAnywidget(base),
};

class PageManager extends ManagerBase {
  async loadClass(name, module) {
    const found = MODULES[module]?.[name];
    if (!found) throw new Error(`A page knows no ${name} of ${module}`);
    return found;
  }

  async _get_comm_info() {
    return {};
  }

  async _create_comm() {
    return { on_close() {}, on_msg() {}, close() {} };
  }
}

const manager = new PageManager();
document.head.append(Object.assign(document.createElement("style"), { textContent: sliderStyle + widgetsStyle }));

/** Take in these models, and draw one of them in place of what an element holds. */
export async function show(models, id, element) {
  await manager.set_state({ version_major: 2, version_minor: 0, state: models });
  const view = await manager.create_view(await manager.get_model(id));
  element.replaceChildren();
  new MutationObserver(() => nameSliders(element)).observe(element, { childList: true, subtree: true });
  Widget.attach(view.luminoWidget, element);
}

/** ipywidgets gives the handles of its sliders no name; explorers do, other widgets do not. */
function nameSliders(element) {
  for (const handle of element.querySelectorAll("[role=slider]:not([aria-label])")) {
    const label = handle.closest(".jupyter-widgets")?.querySelector(".widget-label");
    if (label) handle.setAttribute("aria-label", label.textContent);
  }
}
