"""The style sheet of the page of `release_page`."""

STYLE = """
:root {
  --paper: #fdfdfc; --ink: #1d2126; --soft: #5d6671; --line: #e3e5e8; --panel: #f5f6f7;
  --good: #2f7d4f; --bad: #b3362b; --way: #4a6fa5; --back: #96691b; --still: #9aa2ab;
  --good-tint: #e4f1e9; --bad-tint: #fbeae8; --way-tint: #e6edf6; --back-tint: #f7eedd;
  --still-tint: #eceef0;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #16191d; --ink: #e4e7ea; --soft: #98a2ad; --line: #2c3138; --panel: #1d2126;
    --good: #6cbf8e; --bad: #ec8379; --way: #86a9dc; --back: #d8a955; --still: #6d7680;
    --good-tint: #1b2f24; --bad-tint: #391f1d; --way-tint: #1d2938; --back-tint: #33290f;
    --still-tint: #272c32;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 ui-sans-serif, system-ui, "Segoe UI", "Helvetica Neue", "Noto Sans", sans-serif;
  font-variant-numeric: tabular-nums;
}
main { max-width: 58rem; margin: 0 auto; padding: 3rem 1.5rem 4rem; }
code, pre { font: 0.875em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; }
a { color: var(--way); }
h1 {
  display: flex; flex-wrap: wrap; align-items: center; gap: 0 0.7rem;
  margin: 0; font-size: 1.9rem; font-weight: 650; letter-spacing: -0.015em; line-height: 1.3;
}
h1 .where { color: var(--soft); font-weight: 400; }
h1 .badge { margin-left: auto; }
h2 {
  margin: 2.75rem 0 0.9rem; font-size: 0.8rem; font-weight: 650; letter-spacing: 0.07em;
  text-transform: uppercase; color: var(--soft);
}
h3 { display: flex; align-items: center; gap: 0.7rem; margin: 0; font-size: 1rem; font-weight: 600; }
p { margin: 0.5rem 0; }
ul { margin: 0.5rem 0; padding-left: 1.2rem; }
header { padding-bottom: 0.4rem; border-bottom: 1px solid var(--line); }
dl { display: flex; flex-wrap: wrap; gap: 0.7rem 2.2rem; margin: 1.2rem 0; }
dl div { min-width: 6rem; }
dt { font-size: 0.8rem; color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
.badge {
  padding: 0.12rem 0.6rem; border-radius: 1rem; font-size: 0.8rem; font-weight: 600; letter-spacing: 0;
  line-height: 1.5; white-space: nowrap; color: var(--tone); background: var(--tint);
}
.good { --tone: var(--good); --tint: var(--good-tint); }
.bad { --tone: var(--bad); --tint: var(--bad-tint); }
.way { --tone: var(--way); --tint: var(--way-tint); }
.back { --tone: var(--back); --tint: var(--back-tint); }
.still { --tone: var(--still); --tint: var(--still-tint); }
.badge.still { color: var(--soft); }
.failure {
  margin-top: 1.8rem; padding: 1.3rem 1.5rem 1.1rem;
  border-left: 3px solid var(--bad); background: var(--panel);
}
.failure .cause { margin: 0; font-weight: 600; color: var(--bad); }
.failure .cause code { margin-left: 0.4rem; font-weight: 400; color: var(--soft); }
.failure > .summary { margin: 0.2rem 0 0; font-size: 1.15rem; font-weight: 600; line-height: 1.4; }
.failure dl { margin: 0.9rem 0; }
.failure pre { background: var(--paper); }
.remedy { padding-top: 0.3rem; }
pre {
  margin: 0.8rem 0; padding: 0.8rem 1rem; border-radius: 4px; background: var(--panel);
  overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere;
}
.chart { margin: 0; padding: 0; list-style: none; }
.chart li {
  display: grid; grid-template-columns: 19rem 1fr 6rem; align-items: center; gap: 1rem; padding: 0.22rem 0;
}
.chart .label { min-width: 0; overflow-wrap: anywhere; line-height: 1.3; }
.track { display: block; border-radius: 2px; background: var(--panel); }
.time { text-align: right; color: var(--soft); white-space: nowrap; }
.bar { display: block; height: 0.7rem; min-width: 3px; border-radius: 2px; background: var(--tone); }
article { padding: 0.9rem 0 1.1rem; border-top: 1px solid var(--line); }
article:last-child { border-bottom: 1px solid var(--line); }
.course { display: flex; margin: 0.7rem 0; border-radius: 2px; background: var(--panel); }
.course .bar { flex: none; height: 0.5rem; min-width: 0; border-right: 2px solid var(--paper); }
.course .end { flex: 1 1 0; }
table { border-collapse: collapse; font-size: 0.9rem; }
td { padding: 0.12rem 1.2rem 0.12rem 0; vertical-align: top; }
td.time { min-width: 4.5rem; }
td:nth-child(2) { white-space: nowrap; }
.dot {
  display: inline-block; width: 0.55rem; height: 0.55rem; margin-right: 0.5rem; border-radius: 50%;
  background: var(--tone);
}
details summary { cursor: pointer; color: var(--soft); }
footer { margin-top: 3rem; font-size: 0.85rem; color: var(--soft); }
@media (max-width: 40rem) {
  main { padding-top: 1.5rem; }
  h1 .badge { margin-left: 0; }
  .chart li { grid-template-columns: 1fr 6rem; gap: 0 1rem; }
  .chart .label { grid-column: 1 / 3; }
}
@media print {
  :root {
    --paper: #fff; --ink: #000; --soft: #555; --line: #ccc; --panel: #f6f6f6;
    --good: #2f7d4f; --bad: #b3362b; --way: #4a6fa5; --back: #96691b; --still: #9aa2ab;
  }
  body { font-size: 11px; }
  main { max-width: none; padding: 0; }
  article, .failure, li { break-inside: avoid; }
  .bar, .dot, .badge { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""
