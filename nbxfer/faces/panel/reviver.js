// @ts-check
/**
 * Draws outputs again that say "model not found", now that the kernel has made their models anew. Shows nothing itself.
 *
 * JupyterLab looks for an output's model once, when the notebook is opened, and not when it comes later.
 */
const VIEW = "application/vnd.jupyter.widget-view+json";

/** @param {any} manager @param {Set<string>} ids */
async function draw(manager, ids) {
  const cells = manager?.context?.model?.cells, places = /** @type {Map<string, [any, number][]>} */ (new Map());
  for (let i = 0; cells && i < cells.length; i++) {
    const outputs = cells.get(i)?.outputs;
    for (let j = 0; outputs && j < outputs.length; j++) {
      const id = outputs.get(j)?.data?.[VIEW]?.model_id;
      if (ids.has(id)) places.set(id, [...(places.get(id) ?? []), [outputs, j]]);
    }
  }
  for (const [id, outputs] of places) {
    if (!manager.has_model?.(id)) continue;
    const model = await manager.get_model(id);
    if (Object.keys(model.views ?? {}).length >= outputs.length) continue; // each of them shows it already
    for (const [list, j] of outputs) list.set(j, list.get(j).toJSON());
  }
}

/** Called by anywidget once for each model. @param {{model: any}} context */
function initialize({ model }) {
  const ids = new Set(/** @type {string[]} */ (model.get("ids")));
  setTimeout(() => {
    draw(model.widget_manager, ids).catch((error) => console.warn("nbxfer: an old output stays as it is", error));
  }, 300);
}

export default { initialize };
