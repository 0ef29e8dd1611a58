"use strict";
// Sorts, filters and draws the tables of the page, and the learning curves of the rows that are opened.
// Text from the records reaches the page as text alone: no markup is ever made of it.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const filter = { words: [], backbone: "", strategy: "", tied: false };
  const shown = new Map(); // heading -> whether its column is shown

  const SVG = "http://www.w3.org/2000/svg";

  function fill(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  const make = (tag, attributes = {}, ...children) =>
    fill(document.createElement(tag), attributes, children);
  const draw = (tag, attributes = {}, ...children) =>
    fill(document.createElementNS(SVG, tag), attributes, children);

  // Sorting: by full precision; what is missing stands last in either direction, equals keep their order.

  const missing = (value) => value === null || value === "-" || value === "";
  // Where numbers and words meet in one column, the numbers come first.
  const kind = (value) => (typeof value === "number" ? 0 : 1);

  function compare(a, b) {
    if (kind(a) !== kind(b)) return kind(a) - kind(b);
    return a < b ? -1 : a > b ? 1 : 0;
  }

  function sorted(rows, values, direction) {
    const there = rows.filter((row) => !missing(values[row]));
    const gone = rows.filter((row) => missing(values[row]));
    there.sort((a, b) => direction * compare(values[a], values[b]) || a - b);
    return there.concat(gone);
  }

  const narrow = () => innerWidth <= 720;

  // What lies to the right of a box is told above it, and its edge shows whether it is scrolled that far.
  function cue(frame) {
    const box = frame.querySelector(".box");
    const hint = frame.previousElementSibling;
    const edge = box.getBoundingClientRect().right - 1;
    const most = box.scrollWidth - box.clientWidth;
    frame.classList.toggle("cut", box.scrollLeft < most - 1);
    hint.hidden = most <= 1;
    if (hint.hidden) return;
    // The columns that name a row stay in sight.
    const cells = [...box.querySelectorAll("thead th:not(.head, .second)")];
    const out = cells.filter((cell) => cell.getBoundingClientRect().right + box.scrollLeft > edge + 1);
    const names = out.map((cell) => cell.textContent);
    const told = names.length > 9 ? `${names.slice(0, 4).join(", ")} and ${names.length - 4} more` : names.join(", ");
    hint.textContent = told ? `Scroll the table to the right for ${told}.` : "Wider than the screen: scroll it to the right.";
  }

  // The order in which the rows came: most accurate first, which the ranks need not quite follow.
  const OWN_ORDER = { heading: "", direction: 1 };

  class Section {
    constructor(facts) {
      this.facts = facts;
      this.element = document.getElementById(facts.key);
      this.head = this.element.querySelector("thead tr");
      this.body = this.element.querySelector("tbody");
      this.table = this.element.querySelector("table");
      this.more = this.element.querySelector(".more");
      this.count = this.element.querySelector(".count");
      this.limit = data.first;
      this.open = new Set();
      this.haystack = facts.names.map((name, row) =>
        `${facts.backbones[row]} ${facts.labels[row]} ${name}`.toLowerCase(),
      );
      this.sort = OWN_ORDER;
      this.more.addEventListener("click", () => {
        this.limit += data.first;
        this.render();
      });
    }

    columns() {
      const columns = this.facts.columns.filter((each) => shown.get(each.heading));
      if (!narrow()) return columns;
      // A narrow screen has room for two or three: the name and what it is about come first.
      const first = [this.facts.head, "test accuracy (%)", "95 % interval"];
      const place = (each) => (first.includes(each.heading) ? first.indexOf(each.heading) : first.length);
      return columns.sort((a, b) => place(a) - place(b));
    }

    passing() {
      const { names, backbones, strategies, tied } = this.facts;
      return names.map((_, row) => row).filter(
        (row) =>
          filter.words.every((word) => this.haystack[row].includes(word)) &&
          (!filter.backbone || backbones[row] === filter.backbone) &&
          (!filter.strategy || strategies[row] === filter.strategy) &&
          (!filter.tied || tied[row]),
      );
    }

    renderHead() {
      if (!shown.get(this.sort.heading)) this.sort = OWN_ORDER; // nobody could see what sorts it
      this.head.replaceChildren(
        ...this.columns().map((column) => {
          const button = make("button", { type: "button" }, column.heading);
          if (column.meaning) button.title = column.meaning;
          button.addEventListener("click", () => this.sortBy(column));
          return make("th", { scope: "col", class: this.classes(column) }, button);
        }),
      );
      this.markSort();
    }

    markSort() {
      this.columns().forEach((column, place) => {
        const cell = this.head.children[place];
        const chosen = column.heading === this.sort.heading;
        if (chosen) cell.setAttribute("aria-sort", this.sort.direction === 1 ? "ascending" : "descending");
        else cell.removeAttribute("aria-sort");
      });
    }

    sortBy(column) {
      // What is best comes first, then last; a third press goes back to the rows' own order.
      const first = column.better === "higher" ? -1 : 1;
      if (this.sort.heading !== column.heading) this.sort = { heading: column.heading, direction: first };
      else if (this.sort.direction === first) this.sort.direction = -first;
      else this.sort = OWN_ORDER;
      this.markSort();
      this.render();
    }

    classes(column) {
      const parts = [column.number ? "number" : ""];
      if (column.heading === this.facts.head) parts.push("head");
      if (column.heading === "strategy") parts.push("second");
      return parts.filter(Boolean).join(" ");
    }

    render() {
      let rows = this.passing();
      const all = this.facts.names.length;
      const column = this.facts.columns.find((each) => each.heading === this.sort.heading);
      if (column) rows = sorted(rows, column.values ?? column.texts, this.sort.direction);
      const visible = rows.slice(0, this.limit);
      const columns = this.columns();
      const lines = visible.flatMap((row) => {
        const line = this.line(row, columns);
        return this.open.has(row) ? [line, this.curves(row, columns.length)] : [line];
      });
      if (!lines.length) {
        lines.push(make("tr", {}, make("td", { colspan: Math.max(1, columns.length) }, "No row passes the filters.")));
      }
      this.body.replaceChildren(...lines);
      this.more.hidden = visible.length === rows.length;
      const number = (count) => count.toLocaleString("en-GB");
      const parts = [rows.length === all ? `${number(all)} row${all === 1 ? "" : "s"}` : `${number(rows.length)} of ${number(all)} rows`];
      if (visible.length < rows.length) parts.push(`, the first ${number(visible.length)} are shown`);
      if (this.facts.curves.length) parts.push("; a row's name opens its learning curves");
      this.count.textContent = parts.join("");
      this.settle();
    }

    // The second column stays beside the first while the table scrolls; how far off only the browser knows.
    settle() {
      const head = this.head.querySelector(".head");
      if (head) this.table.style.setProperty("--second", `${head.offsetWidth}px`);
      cue(this.element.querySelector(".frame"));
    }

    line(row, columns) {
      const cells = columns.map((column) => {
        const text = column.texts[row];
        if (column.heading === this.facts.head) return this.name(row, text);
        const parts = [this.classes(column), column.places.has(row) ? "best" : ""].filter(Boolean);
        return make("td", { class: parts.join(" ") }, text);
      });
      return make("tr", this.facts.tied[row] ? { class: "tied" } : {}, ...cells);
    }

    name(row, text) {
      const label = this.facts.labels[row];
      const cell = make("th", { scope: "row", class: "head" });
      if (this.facts.curves.length) {
        const button = make("button", {
          type: "button",
          "aria-expanded": String(this.open.has(row)),
          "aria-label": `${text} ${label}: learning curves`,
        }, text);
        button.addEventListener("click", () => this.toggle(row, button));
        cell.append(button);
      } else {
        cell.append(text);
      }
      if (label) cell.append(make("span", { class: "also", "aria-hidden": "true" }, label));
      return cell;
    }

    toggle(row, button) {
      const line = button.closest("tr");
      if (this.open.delete(row)) {
        line.nextElementSibling.remove();
      } else {
        this.open.add(row);
        line.after(this.curves(row, this.columns().length));
      }
      button.setAttribute("aria-expanded", String(this.open.has(row)));
    }

    curves(row, span) {
      const title = `${this.facts.backbones[row]}, ${this.facts.labels[row]}`;
      const panel = make("div", { class: "panel" }, ...learning(title, this.facts.curves[row]));
      return make("tr", { class: "curves" }, make("td", { colspan: span }, panel));
    }
  }

  // Learning curves

  function learning(title, seeds) {
    if (!seeds.length) return [make("p", {}, `${title}: nothing was trained in epochs, so there is no curve.`)];
    const several = seeds.length > 1;
    const names = seeds.map((each) => each.seed).join(", ");
    const head = make("p", {}, make("strong", {}, title), several ? `, seeds ${names}, a line each` : `, seed ${names}`);
    const key = make(
      "p",
      { class: "key" },
      ...[["training", "training (running mean, dropout and augmentation on)"], ["validation", "validation"], ["chosen", "chosen epoch"]].map(
        ([style, text]) => make("span", {}, swatch(style), text),
      ),
    );
    const charts = make(
      "div",
      { class: "charts" },
      chart("accuracy", "accuracy (%)", 100, title, seeds),
      chart("loss", "loss (nats)", 1, title, seeds),
    );
    return [head, key, charts, numbers(seeds)];
  }

  function mark(style, x, y, ...children) {
    if (style === "validation") return draw("rect", { class: "point validation", x: x - 2.5, y: y - 2.5, width: 5, height: 5 }, ...children);
    return draw("circle", { class: `point ${style}`, cx: x, cy: y, r: style === "chosen" ? 7 : 3 }, ...children);
  }

  function swatch(style) {
    const picture = draw("svg", { class: "swatch", viewBox: "0 0 28 16", "aria-hidden": "true" });
    if (style !== "chosen") picture.append(draw("path", { class: `line ${style}`, d: "M1 8H27" }));
    picture.append(mark(style, 14, 8));
    return picture;
  }

  function ticks(low, high, most) {
    const rough = (high - low) / most || 1;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough * 0.999);
    const found = [];
    for (let number = Math.ceil(low / step - 1e-9); number * step <= high + step * 1e-9; number += 1) found.push(number * step);
    return { step, found };
  }

  const plain = (value, step) => value.toFixed(Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
  const short = (value) => String(Number(value.toPrecision(2)));

  function chart(metric, label, scale, title, seeds) {
    // As wide as a narrow screen allows, so that its letters keep their size.
    const width = Math.max(260, Math.min(440, innerWidth - 56));
    const [height, left, right, top, bottom] = [250, 48, 12, 22, 40];
    const strengths = seeds[0].strengths;
    const places = (each) => each.strengths?.map(Math.log10) ?? each[metric].map((_, place) => place + 1);
    const xs = seeds.flatMap(places);
    const ys = seeds.flatMap((each) => each[metric].concat(each[`validation_${metric}`])).filter((value) => value !== null).map((value) => scale * value);
    const most = ys.length ? Math.max(...ys) : 1;
    const least = ys.length ? Math.min(...ys) : 0;
    const [start, end] = metric === "accuracy" ? [least, 100] : [0, most];
    const { step, found } = ticks(start, Math.max(end, start + 1e-6), 5);
    const low = metric === "accuracy" ? Math.max(0, Math.floor(start / step) * step) : 0;
    const high = metric === "accuracy" ? 100 : Math.ceil(end / step) * step || step;
    const pad = strengths ? 0.25 : 0.5;
    const [from, to] = [Math.min(...xs) - pad, Math.max(...xs) + pad];
    const x = (value) => left + ((value - from) / (to - from)) * (width - left - right);
    const y = (value) => top + ((high - scale * value) / (high - low)) * (height - top - bottom);
    const picture = draw("svg", { class: `chart ${metric}`, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${title}: ${label}, training and validation` });

    for (const value of new Set([low, ...found, high])) {
      const place = y(value / scale);
      picture.append(
        draw("path", { class: "grid", d: `M${left} ${place}H${width - right}` }),
        draw("text", { class: "tick end", x: left - 6, y: place + 4 }, plain(value, step)),
      );
    }
    const marks = strengths
      ? ticks(from, to, 6).found.filter(Number.isInteger).map((value) => [value, short(10 ** value)])
      : ticks(1, Math.max(...xs), 8).found.filter((value) => Number.isInteger(value) && value >= 1).map((value) => [value, String(value)]);
    if (!strengths && !marks.some(([value]) => value === 1)) marks.unshift([1, "1"]);
    for (const [value, text] of marks) picture.append(draw("text", { class: "tick middle", x: x(value), y: height - bottom + 16 }, text));
    const below = strengths ? "strength C (the larger, the weaker the penalty)" : seeds[0].phases.length > 1 ? "epoch, counted through the phases" : "epoch";
    picture.append(
      draw("text", { class: "tick middle", x: (left + width - right) / 2, y: height - 6 }, below),
      draw("text", { class: "tick", x: 2, y: 12 }, label),
    );
    seeds[0].phases.forEach(([name, first, last], number, all) => {
      if (all.length === 1) return;
      const anchor = number === 0 ? "middle" : number === all.length - 1 ? "end" : "middle";
      const where = anchor === "end" ? width - right : Math.max(x((first + last) / 2), left + 60);
      picture.append(draw("text", { class: `tick ${anchor}`, x: where, y: 12 }, name));
      if (number) picture.append(draw("path", { class: "phase", d: `M${x(first - 0.5)} ${top}V${height - bottom}` }));
    });

    for (const each of seeds) {
      const at = places(each);
      for (const [style, values] of [["training", each[metric]], ["validation", each[`validation_${metric}`]]]) {
        // A line for each phase: the next starts from the chosen epoch, not from the last.
        for (const [, first, last] of each.phases) {
          let path = "";
          for (let place = first - 1; place < last; place += 1) {
            if (values[place] === null) path += " ";
            else path += `${path === "" || path.endsWith(" ") ? "M" : "L"}${x(at[place]).toFixed(1)} ${y(values[place]).toFixed(1)}`;
          }
          picture.append(draw("path", { class: `line ${style}`, d: path.trim() }));
        }
        values.forEach((value, place) => {
          if (value === null) return;
          const where = strengths ? `C ${short(each.strengths[place])}` : `epoch ${place + 1}`;
          const tip = draw("title", {}, `seed ${each.seed}, ${where}, ${style}: ${(scale * value).toFixed(metric === "loss" ? 4 : 2)}`);
          picture.append(mark(style, x(at[place]), y(value), tip));
        });
      }
      const chosen = each.chosen === null ? null : each[`validation_${metric}`][each.chosen];
      if (chosen !== null) picture.append(mark("chosen", x(at[each.chosen]), y(chosen)));
    }
    return picture;
  }

  function numbers(seeds) {
    const by = seeds[0].strengths ? "strength C" : "epoch of the phase";
    const headings = ["seed", "phase", by, "training accuracy (%)", "validation accuracy (%)", "training loss (nats)", "validation loss (nats)"];
    const text = (value, scale, digits) => (value === null ? "-" : (scale * value).toFixed(digits));
    const lines = seeds.flatMap((each) =>
      each.phases.flatMap(([phase, first, last]) =>
        Array.from({ length: last - first + 1 }, (_, offset) => {
          const place = first - 1 + offset;
          const cells = [
            String(each.seed),
            phase,
            each.strengths ? short(each.strengths[place]) : String(offset + 1),
            text(each.accuracy[place], 100, 2),
            text(each.validation_accuracy[place], 100, 2),
            text(each.loss[place], 1, 4),
            text(each.validation_loss[place], 1, 4),
          ];
          return make("tr", place === each.chosen ? { class: "best" } : {}, ...cells.map((cell, number) => make("td", { class: number > 1 ? "number" : "" }, cell)));
        }),
      ),
    );
    const head = make("thead", {}, make("tr", {}, ...headings.map((heading, number) => make("th", { scope: "col", class: number > 1 ? "number" : "" }, heading))));
    return make("details", { class: "numbers" }, make("summary", {}, "The numbers (chosen in bold)"), make("div", { class: "box" }, make("table", {}, head, make("tbody", {}, ...lines))));
  }

  // The page

  for (const section of data.sections) {
    for (const column of section.columns) {
      column.places = new Set(column.best);
      if (!shown.has(column.heading)) shown.set(column.heading, column.shown);
    }
  }
  const sections = data.sections.map((facts) => new Section(facts));
  const every = (step) => sections.forEach(step);

  const chooser = document.querySelector("#columns div");
  const heads = new Set(data.sections.map((section) => section.head));
  const plural = data.sections.filter((section) => section.curves.length);
  for (const heading of new Set(plural.flatMap((section) => section.columns.map((each) => each.heading)))) {
    if (heads.has(heading)) continue; // A row without its name would be nobody's.
    const box = make("input", { type: "checkbox" });
    box.checked = box.defaultChecked = shown.get(heading);
    box.addEventListener("change", () => {
      shown.set(heading, box.checked);
      every((section) => {
        section.renderHead();
        section.render();
      });
    });
    chooser.append(make("label", { class: "check" }, box, ` ${heading}`));
  }

  const form = document.getElementById("filters");
  const field = (name) => document.getElementById(name);
  function read() {
    filter.words = field("text").value.toLowerCase().split(/\s+/).filter(Boolean);
    filter.backbone = field("backbone").value;
    filter.strategy = field("strategy").value;
    filter.tied = field("tied").checked;
    every((section) => {
      section.limit = data.first;
      section.render();
    });
  }
  for (const name of ["text", "backbone", "strategy", "tied"]) field(name).addEventListener("input", read);
  form.addEventListener("submit", (event) => event.preventDefault());
  field("clear").addEventListener("click", () => {
    field("text").value = field("backbone").value = field("strategy").value = "";
    field("tied").checked = false;
    read();
  });
  const frames = [...document.querySelectorAll(".frame")];
  for (const frame of frames) frame.querySelector(".box").addEventListener("scroll", () => cue(frame));
  let wasNarrow = narrow();
  addEventListener("resize", () => {
    if (narrow() !== wasNarrow) {
      wasNarrow = narrow();
      every((section) => {
        section.renderHead();
        section.render();
      });
    }
    every((section) => section.settle());
    frames.forEach(cue);
  });
  addEventListener("load", () => frames.forEach(cue)); // pictures have their size by then

  // On a narrow screen the tables come first.
  if (innerWidth < 720) document.querySelector(".facts").open = false;
  form.hidden = false;
  every((section) => {
    section.renderHead();
    section.render();
  });
})();
