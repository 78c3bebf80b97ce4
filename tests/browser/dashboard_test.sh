#!/usr/bin/env bash
# The dashboard in a real browser, from file://, with names that would like to be markup; runs where chromium is
# installed. SHOTS=FOLDER keeps the screenshots.
source "$(dirname "$0")/../support/suite.sh" "$@"
source "$SUPPORT/folder_cases.sh"

BROWSER=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
[ -n "$BROWSER" ] || { echo "chromium is not installed" >&2; exit 2; }
BUCKET=$WORK/bucket DRIVE=$WORK/drive PAGE=$WORK/drive/.cratedrive/dashboard.html
SHOTS=${SHOTS:-$WORK/shots}
mkdir -p "$BUCKET" "$SHOTS"

browse() { # flag…: a browser of its own, with no network
  timeout 60 "$BROWSER" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir="$WORK/browser" \
    --host-resolver-rules="MAP * ~NOTFOUND" --hide-scrollbars --no-first-run "$@" 2> "$WORK/browser.log"
}

hostile_names_are_dropped() {
  mount_drive "file://$BUCKET" "$DRIVE" --only audio > /dev/null
  python3 "$ROOT/scripts/make-samples" "$WORK/pack/drums"
  mkdir "$WORK/pack/evil"
  python3 - "$WORK/pack" <<'PYTHON'
import os, shutil, sys
pack = sys.argv[1]
names = ["<script>document.title='owned'<!--", "<img src=x onerror=alert(1)>", "\"><svg onload=alert(1)>", "' onmouseover='x",
         "</style><style>body{display:none}", "&lt;b&gt;", "\u202egpj.exe", "a\nb\x1b[31m", "x" * 180]
for number, name in enumerate(names):
    with open(os.path.join(pack, "drums/kick.wav"), "rb") as kick, open(os.path.join(pack, "evil", name.replace("/", "∕") + ".wav"), "wb") as out:
        out.write(kick.read() + bytes([number]))
with open(os.path.join(pack, "evil", "<b>no audio<b>.txt"), "w") as out:
    out.write("text")
PYTHON
  drop "$WORK/pack" "<i>pack"
}

the_page_shows_names_and_runs_nothing() {
  browse --dump-dom "file://$PAGE" > "$WORK/dom.html"
  python3 - "$WORK/dom.html" <<'PYTHON'
import html.parser, sys
class Page(html.parser.HTMLParser):
    tags, text, bad, title = [], "", [], False
    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.bad += [name for name, value in attributes if name.startswith("on")]
        self.bad += [value for name, value in attributes if name in ("src", "href") and not value.startswith("../")]
    def handle_data(self, data):
        self.text += data
page = Page()
page.feed(open(sys.argv[1], encoding="utf-8").read())
assert not page.bad, page.bad
known = set("html head meta title style body main header h1 h2 span bdi section div b i article ul li br a svg path footer p".split())
assert set(page.tags) <= known, set(page.tags) - known
assert page.tags.count("style") == 1 and "script" not in page.tags and "img" not in page.tags
for words in ("<script>document.title='owned'<!--.wav", "<img src=x onerror=alert(1)>.wav", "&lt;b&gt;.wav", "<i>pack"):
    assert words in page.text, words
assert page.tags.count("svg") == 12, page.tags.count("svg")
PYTHON
}

it_loads_itself_anew() { grep -q '<meta http-equiv="refresh" content="[0-9]*">' "$PAGE"; }

it_is_readable_wide_and_narrow_light_and_dark() {
  local name size flags
  while read -r name size flags; do
    # shellcheck disable=SC2086
    browse --screenshot="$SHOTS/$name.png" --window-size="$size" $flags "file://$PAGE" > /dev/null
    test "$(stat -c %s "$SHOTS/$name.png")" -gt 20000
  done <<'SHOTS'
light 1200,1500
dark 1200,1500 --blink-settings=preferredColorScheme=0
phone 500,1900
SHOTS
}

case_ok hostile_names_are_dropped
case_ok the_page_shows_names_and_runs_nothing
case_ok it_loads_itself_anew
case_ok it_is_readable_wide_and_narrow_light_and_dark
finish
