"use strict";

// How the site's search orders pages: as Sphinx does, but pages for readers stand before those about the making of
// gasfield, and these before the tables of studies, which hold nearly every word.
const LATER = [
  [/^studies\//, 4],
  [/^(architecture|extending|performance|scale|critics|twin)$/, 2],
  [/^(glossary|commands|getting-started)$/, -1],
];

var Scorer = {
  score: ([page, , , , score]) =>
    score - LATER.reduce((sum, [pages, less]) => sum + (pages.test(page) ? less : 0), 0),
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
