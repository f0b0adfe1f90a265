"use strict";
const dialog = document.querySelector("dialog");

function element(tag, text, name) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (name) made.className = name;
  return made;
}

function tableOf(rows) {
  const table = element("table");
  const body = table.appendChild(element("tbody"));
  for (const row of rows) {
    const line = body.appendChild(element("tr"));
    line.title = row.doc;
    line.append(element("td", row.name), element("td", row.value, row.null ? "null" : ""), element("td", row.source));
  }
  return table;
}

function open(tile) {
  dialog.querySelector("h2").textContent = tile.dataset.name;
  dialog.querySelector(".sub").textContent = "face " + tile.dataset.face;
  dialog.querySelector(".shown").replaceChildren(tile.querySelector("svg").cloneNode(true));
  const labels = dialog.querySelector(".labels");
  labels.replaceChildren();
  for (const { group, rows } of JSON.parse(tile.dataset.details)) {
    const box = element("div", undefined, "scroll");
    box.append(tableOf(rows));
    labels.append(element("h3", group), box);
  }
  dialog.showModal();
  dialog.scrollTop = 0;
}

for (const tile of document.querySelectorAll(".tile")) tile.addEventListener("click", () => open(tile));
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
addEventListener("beforeprint", () => { for (const part of document.querySelectorAll("details")) part.open = true; });
