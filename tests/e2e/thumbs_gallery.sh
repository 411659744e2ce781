#!/usr/bin/env bash
# The gallery: every thumbnail, whatever its name, and nothing that a name could smuggle in. Looked at with Chromium
# where that is installed.
# shellcheck disable=SC1091,SC2154  # lib.sh sets some
. "$(dirname "$0")/lib.sh"
. "${ROOT:?the source tree}/tests/e2e/thumbs_lib.sh"
needs jq

images make jpeg one.jpg 300 200
mkdir -p 'src/<script>alert(1)<' 'src/a & b'
names=('<img src=x onerror=alert(1)>.jpg' "'\"quotes\".jpg" '100%.jpg' 'a?b#c.jpg' 'javascript:alert(1).jpg' 'Grüße 写真.jpg' $'new\nline.jpg')
for name in "${names[@]}"; do cp one.jpg "src/$name"; done
cp one.jpg $'src/not\xffutf8.jpg'
cp one.jpg 'src/<script>alert(1)<' && cp one.jpg 'src/a & b'
echo broken >src/broken.jpg
run src out --size 100,200 --gallery
equal "one failed" 1 "$status"
count=$((${#names[@]} + 3))

"$python" - out "$count" <<'EOF' || fault "the page"
import html.parser, os, sys, urllib.parse

class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.links, self.images, self.text = set(), [], [], ""
    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        attributes = dict(attributes)
        assert not any(name.startswith("on") for name in attributes), attributes
        if tag == "a": self.links.append(attributes["href"])
        if tag == "img": self.images.append(attributes)
    def handle_data(self, data):
        self.text += data

page = Page()
page.feed(open(sys.argv[1] + "/index.html", encoding="utf-8").read())
assert page.tags <= {"html", "head", "meta", "title", "style", "body", "h1", "h2", "ul", "li", "a", "img", "span", "small"}, page.tags
assert len(page.images) == len(page.links) == int(sys.argv[2]), (len(page.images), len(page.links))
for url in page.links + [each["src"] for each in page.images]:
    parts = urllib.parse.urlsplit(url)
    assert not parts.scheme and not parts.netloc and not parts.query and not parts.fragment, url
    path = urllib.parse.unquote_to_bytes(parts.path)
    assert os.path.isfile(os.path.join(os.fsencode(sys.argv[1]), path)), url
assert all(link.startswith("200/") for link in page.links), "a link leads to the large one"
assert all(image["src"].startswith("100/") and image["width"] == "100" for image in page.images)
assert "<img src=x onerror=alert(1)>.jpg" in page.text and "broken" not in page.text
EOF

# A folder without images is a page all the same.
mkdir none
run none none_out --gallery
contains "an empty gallery" "0 images" "$(cat none_out/index.html)"
run src out --size 100,200 --gallery --only-changed
contains "what is unchanged stays on the page" "<h1>$count images</h1>" "$(cat out/index.html)"

browser=
for candidate in chromium chromium-browser google-chrome; do command -v "$candidate" >/dev/null && browser=$candidate && break; done
[[ -n $browser ]] || { echo "not looked at: no Chromium"; exit; }
# What it has drawn counts: each image with pixels, no dialog, no error.
timeout 100 "$browser" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir="$scratch/profile" \
  --window-size=900,900 --hide-scrollbars --screenshot="$scratch/page.png" "file://$scratch/out/index.html" >chatter 2>&1 </dev/null
[[ -s page.png ]] || { echo "not looked at: Chromium does not start here"; exit; }
"$python" - "$count" <<'EOF' || fault "the page in Chromium"
import sys
from PIL import Image
page = Image.open("page.png").convert("RGB")
# Each test image has a pure red corner: count the patches of it.
red = page.point(lambda v: 255 if v > 128 else 0)
mask = [[red.getpixel((x, y)) == (255, 0, 0) for x in range(0, page.width, 4)] for y in range(0, page.height, 4)]
seen = patches = 0
for y, row in enumerate(mask):
    for x, here in enumerate(row):
        if here and not (y and mask[y - 1][x]) and not (x and row[x - 1]):
            patches += 1
assert patches >= int(sys.argv[1]), patches
EOF
