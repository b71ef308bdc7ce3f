(function () {
  "use strict";
  // Only the methods move; the references above them stay where they are.
  function compare(one, other) {
    var a = Number(one), b = Number(other);
    return isNaN(a) || isNaN(b) ? one.localeCompare(other) : a - b;
  }
  function sort(table, head, column) {
    var down = head.getAttribute("aria-sort") === "ascending";
    var body = table.tBodies[table.tBodies.length - 1];
    var rows = Array.prototype.slice.call(body.rows);
    rows.sort(function (one, other) {
      var a = one.cells[column].dataset.key, b = other.cells[column].dataset.key;
      // What is not known comes last, whichever way the column is sorted.
      if (!a || !b) { return (a ? 0 : 1) - (b ? 0 : 1); }
      return down ? compare(b, a) : compare(a, b);
    });
    rows.forEach(function (row) { body.appendChild(row); });
    Array.prototype.forEach.call(table.tHead.rows[0].cells, function (cell) {
      cell.removeAttribute("aria-sort");
    });
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    document.getElementById("sorted").textContent =
      "Sorted by " + head.textContent.trim() + ", " + (down ? "descending" : "ascending");
  }
  Array.prototype.forEach.call(document.querySelectorAll("table.board"), function (table) {
    Array.prototype.forEach.call(table.tHead.rows[0].cells, function (head, column) {
      head.querySelector("button").addEventListener("click", function () {
        sort(table, head, column);
      });
    });
  });
})();
