(function () {
  "use strict";
  // Colours are custom properties of the style sheet, so the drawn SVG follows light, dark
  // and print by itself, without being drawn again.
  var font = getComputedStyle(document.body).fontFamily;
  var theme = {
    background: null,
    font: font,
    padding: { left: 2, right: 14, top: 6, bottom: 2 },
    view: { stroke: null },
    axis: {
      labelColor: "var(--muted)", titleColor: "var(--muted)", domainColor: "var(--line)",
      tickColor: "var(--line)", gridColor: "var(--line)", gridOpacity: 0.6,
      labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal", titlePadding: 8,
      labelPadding: 5, titleLimit: 190, labelOverlap: "greedy", labelFlush: false
    },
    axisX: { grid: false }
  };

  var tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  document.body.appendChild(tip);
  function showTip(handler, event, item, value) {
    var text = value && typeof value === "object" ? Object.values(value).join("\n") : value;
    tip.hidden = text === null || text === undefined || text === "";
    if (tip.hidden) { return; }
    tip.textContent = String(text);
    var left = Math.min(event.clientX + 12, document.documentElement.clientWidth - tip.offsetWidth - 8);
    tip.style.left = Math.max(8, left) + "px";
    tip.style.top = (event.clientY + 16) + "px";
  }

  function draw(place) {
    var spec = JSON.parse(document.getElementById(place.dataset.spec).textContent);
    spec.autosize = { type: "fit-x", contains: "padding", resize: true };
    return vegaEmbed(place, spec, {
      renderer: "svg", actions: false, defaultStyle: false, config: theme, tooltip: showTip
    }).then(function () {
      // The chart is one image with the text of its label; its parts are no use one by one.
      place.querySelector("svg").setAttribute("aria-hidden", "true");
      place.dataset.drawn = "yes";
    }).catch(function (error) {
      place.textContent = place.getAttribute("aria-label");
      throw error;
    });
  }
  Array.prototype.forEach.call(document.querySelectorAll(".chart"), draw);

  // Paper has nothing to click: open the explanations, and close them again afterwards.
  var opened = [];
  window.addEventListener("beforeprint", function () {
    opened = Array.prototype.filter.call(
      document.querySelectorAll("details.explain"), function (one) { return !one.open; }
    );
    opened.forEach(function (one) { one.open = true; });
  });
  window.addEventListener("afterprint", function () {
    opened.forEach(function (one) { one.open = false; });
  });
})();
