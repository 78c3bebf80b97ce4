// The look of the dashboard: one style sheet, kept apart from what fills the page.
#pragma once

namespace cd {

inline constexpr const char* kDashboardStyle = R"css(
:root{color-scheme:light dark;--bg:#f4f5f7;--card:#fff;--ink:#1b1e24;--dim:#667080;--line:#e1e4ea;--soft:#eceff4;
--ok:#1a8a55;--busy:#2563d9;--warn:#b26a00;--bad:#c8322b;--wave:#5b6ee1}
@media(prefers-color-scheme:dark){:root{--bg:#12141a;--card:#1b1e26;--ink:#e8eaf0;--dim:#98a1b3;--line:#2a2f3a;
--soft:#252a35;--ok:#3fc383;--busy:#6d9bff;--warn:#e5a33d;--bad:#ff6b62;--wave:#8c9bff}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;
font-variant-numeric:tabular-nums}
main{max-width:1080px;margin:0 auto;padding:20px 16px 32px}
header{display:flex;flex-wrap:wrap;align-items:center;gap:6px 12px;margin-bottom:16px}
h1{font-size:20px;margin:0;overflow-wrap:anywhere}
h2{font-size:13px;margin:26px 0 8px;color:var(--dim);text-transform:uppercase;letter-spacing:.06em}
.dim{color:var(--dim)}.small{font-size:13px}
.chip{display:inline-block;border-radius:99px;padding:1px 10px;font-size:13px;font-weight:600;color:var(--tone,var(--dim));
border:1px solid currentColor;white-space:nowrap}
.ok{--tone:var(--ok)}.busy{--tone:var(--busy)}.warn{--tone:var(--warn)}.bad{--tone:var(--bad)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(190px,1fr));gap:10px}
.card{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:12px 14px;min-width:0}
.tile b{display:block;font-size:20px;line-height:1.25;font-weight:650;margin:2px 0}
.stack>*+*{margin-top:10px}
.head{display:flex;gap:4px 12px;align-items:baseline;justify-content:space-between;flex-wrap:wrap}
.name{font-weight:600;overflow-wrap:anywhere;min-width:0}
.bar{display:flex;height:10px;border-radius:99px;overflow:hidden;background:var(--soft);margin:9px 0 7px}
.bar i{display:block;height:100%}.bar .d{background:var(--ok)}.bar .s{background:var(--busy);opacity:.55}.bar .f{background:var(--bad)}
.facts{display:flex;flex-wrap:wrap;gap:2px 16px;color:var(--dim);font-size:13px}
.facts .tone{color:var(--tone);font-weight:600}
.now{margin-top:6px;font-size:13px;overflow-wrap:anywhere}
ul{list-style:none;margin:8px 0 0;padding:0}
ul.why li{border-left:3px solid var(--bad);padding:2px 0 2px 10px;margin-top:6px;font-size:13px;overflow-wrap:anywhere}
.samples{display:grid;grid-template-columns:repeat(auto-fill,minmax(210px,1fr));gap:10px}
.samples a{color:inherit;text-decoration:none;display:block}.samples .card:hover{border-color:var(--wave)}
.samples .name{font-size:14px;display:block;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
svg{display:block;width:100%;height:44px;margin:6px 0;color:var(--wave)}
.none{height:44px;margin:6px 0;border-bottom:1px dashed var(--line)}
.tag{display:inline-block;background:var(--soft);border-radius:6px;padding:0 7px;font-size:12px;margin:2px 4px 0 0}
.row{display:grid;grid-template-columns:12px 1fr;gap:10px;padding:8px 0;border-top:1px solid var(--line)}
.row:first-child{border-top:0}.dot{width:10px;height:10px;border-radius:50%;background:var(--tone);margin-top:6px}
.row div{min-width:0;overflow-wrap:anywhere}
footer{margin-top:28px;color:var(--dim);font-size:13px}
)css";

}  // namespace cd
