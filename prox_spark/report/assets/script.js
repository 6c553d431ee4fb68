"use strict";
(function () {
  var documents = Array.prototype.slice.call(document.querySelectorAll(".document"));
  if (documents.length === 0) return;
  var choose = document.getElementById("choose");
  var where = document.getElementById("where");
  var at = 0;

  function show(number, announce) {
    at = (number + documents.length) % documents.length;
    documents.forEach(function (one, index) { one.classList.toggle("away", index !== at); });
    choose.value = String(at);
    if (announce) where.textContent = documents[at].getAttribute("aria-label");
  }

  document.documentElement.classList.add("scripted");
  document.querySelector(".stepper").hidden = false;
  document.getElementById("previous").addEventListener("click", function () { show(at - 1, true); });
  document.getElementById("next").addEventListener("click", function () { show(at + 1, true); });
  choose.addEventListener("change", function () { show(Number(choose.value), true); });
  document.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    var into = event.target;
    if (into === choose || (into.closest && into.closest(".scroll"))) return;
    if (event.key === "ArrowLeft") show(at - 1, true);
    else if (event.key === "ArrowRight") show(at + 1, true);
    else return;
    event.preventDefault();
  });
  var linked = /^#document-(\d+)$/.exec(location.hash);
  show(linked ? Number(linked[1]) - 1 : 0, false);
})();
