#include "apps/millpool/thumbs/gallery.hpp"

#include "millpool/base/utf8.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>

namespace millpool::thumbs {
namespace {

constexpr std::string_view head = R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Thumbnails</title>
<style>
:root { color-scheme: light dark; }
body { margin: 0 auto; padding: 1rem; max-width: 100rem; font: 1rem/1.4 system-ui, sans-serif; }
h1 { font-size: 1.4rem; }
h2 { margin: 2rem 0 .6rem; font-size: 1.05rem; overflow-wrap: anywhere; }
ul { display: flex; flex-wrap: wrap; gap: .8rem; margin: 0; padding: 0; list-style: none; }
li { width: min-content; }
img { display: block; width: auto; height: auto; max-width: min(20rem, 90vw); max-height: 20rem;
  border-radius: .25rem; background: #8882; }
span { display: block; padding-top: .2rem; font-size: .8rem; overflow-wrap: anywhere; }
small { display: block; opacity: .7; }
a { color: inherit; text-decoration: none; }
</style>
</head>
<body>
)";

[[nodiscard]] std::string_view folder_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? "" : path.substr(0, slash);
}

[[nodiscard]] std::string item(const manifest_entry& entry) {
  std::string page;
  const auto by_width = [](const made_output& a, const made_output& b) {
    return a.width < b.width;
  };
  const auto [small, large] =
      std::minmax_element(entry.outputs.begin(), entry.outputs.end(), by_width);
  const std::string name = html_text(entry.source.substr(entry.source.rfind('/') + 1));
  page.append("<li><a href=\"")
      .append(url_path(large->path))
      .append("\"><img loading=\"lazy\" src=\"");
  page.append(url_path(small->path)).append("\" width=\"").append(std::to_string(small->width));
  page.append("\" height=\"").append(std::to_string(small->height)).append("\" alt=\"");
  page.append(name).append("\"><span>").append(name).append("<small>");
  page.append(std::to_string(entry.width)).append(" × ").append(std::to_string(entry.height));
  page.append("</small></span></a></li>\n");
  return page;
}

}  // namespace

void write_gallery(const manifest& log, const std::function<void(std::string_view)>& add) {
  std::size_t count = 0;
  log.for_each([&](const manifest_entry& entry) { count += entry.outputs.empty() ? 0 : 1; });
  add(head);
  add("<h1>" + std::to_string(count) + (count == 1 ? " image" : " images") + "</h1>\n");
  std::optional<std::string> folder;
  log.for_each([&](const manifest_entry& entry) {
    if (entry.outputs.empty()) return;
    if (const std::string_view here = folder_of(entry.source); folder != here) {
      if (folder) add("</ul>\n");
      folder = here;
      if (!here.empty()) add("<h2>" + html_text(here) + "</h2>\n");
      add("<ul>\n");
    }
    add(item(entry));
  });
  if (folder) add("</ul>\n");
  add("</body>\n</html>\n");
}

std::string html_text(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    const std::size_t length = utf8_character(bytes);
    const std::string_view one = bytes.substr(0, std::max<std::size_t>(length, 1));
    bytes.remove_prefix(one.size());
    if (length == 0) {
      text += "\xef\xbf\xbd";
    } else if (one == "<") {
      text += "&lt;";
    } else if (one == ">") {
      text += "&gt;";
    } else if (one == "&") {
      text += "&amp;";
    } else if (one == "\"") {
      text += "&quot;";
    } else if (one == "'") {
      text += "&#39;";
    } else if (static_cast<unsigned char>(one[0]) < 0x20 || one == "\x7f") {
      text += ' ';
    } else {
      text += one;
    }
  }
  return text;
}

std::string url_path(std::string_view path) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  // Plain wherever it stands, and no colon: "a:b" would be a scheme.
  constexpr std::string_view plain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
  std::string url;
  for (const char c : path) {
    if (plain.find(c) != std::string_view::npos) {
      url += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    url.append("%").append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
  }
  return url;
}

}  // namespace millpool::thumbs
