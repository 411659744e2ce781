#include "apps/millpool/thumbs/manifest.hpp"

#include <nlohmann/json.hpp>

#include <array>

namespace millpool::thumbs {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view states[] = {"made", "unchanged", "failed"};

[[nodiscard]] std::string dump(const ordered_json& json) {
  return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

[[nodiscard]] std::string to_hex(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

[[nodiscard]] std::optional<std::string> from_hex(std::string_view text) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  if (text.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = digit(text[i]);
    const int low = digit(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes += static_cast<char>(high * 16 + low);
  }
  return bytes;
}

void put(ordered_json& object, const std::string& name, const std::string& bytes) {
  object[name] = bytes;
  // What was replaced shows itself in a second reading.
  if (ordered_json::parse(dump(object[name])).get<std::string>() != bytes)
    object[name + "_hex"] = to_hex(bytes);
}

[[nodiscard]] std::optional<std::string> get(const ordered_json& object, const std::string& name) {
  if (object.contains(name + "_hex")) return from_hex(object[name + "_hex"].get<std::string>());
  return object.at(name).get<std::string>();
}

[[nodiscard]] std::optional<failure_kind> failure_of(std::string_view name) {
  for (std::size_t i = 0; i < failure_kind_count; ++i) {
    const auto kind = static_cast<failure_kind>(i);
    if (to_string(kind) == name) return kind;
  }
  return std::nullopt;
}

[[nodiscard]] std::optional<manifest_entry::state> state_of(std::string_view name) {
  for (std::size_t i = 0; i < std::size(states); ++i) {
    if (states[i] == name) return static_cast<manifest_entry::state>(i);
  }
  return std::nullopt;
}

// Throws what nlohmann-json throws where a member has another type, or is absent.
[[nodiscard]] std::optional<manifest_entry> read(const ordered_json& line) {
  manifest_entry entry;
  const auto source = get(line, "source");
  const auto became = state_of(line.at("state").get<std::string>());
  if (!source || !became) return std::nullopt;
  entry.source = *source;
  entry.became = *became;
  entry.bytes = line.value("bytes", std::uint64_t{0});
  entry.mtime_ns = line.value("mtime_ns", std::int64_t{0});
  entry.hash = line.value("hash", std::string{});
  entry.settings = get(line, "settings").value_or("");
  entry.width = line.value("width", std::uint32_t{0});
  entry.height = line.value("height", std::uint32_t{0});
  for (const ordered_json& each : line.value("outputs", ordered_json::array())) {
    const auto path = get(each, "path");
    if (!path) return std::nullopt;
    entry.outputs.push_back({.path = *path,
                             .width = each.at("width").get<std::uint32_t>(),
                             .height = each.at("height").get<std::uint32_t>(),
                             .bytes = each.at("bytes").get<std::uint64_t>()});
  }
  if (entry.became == manifest_entry::state::failed) {
    const auto kind = failure_of(line.at("error").get<std::string>());
    if (!kind) return std::nullopt;
    entry.why = {*kind, line.value("message", std::string{})};
  }
  return entry;
}

}  // namespace

std::string to_line(const manifest_entry& entry) {
  ordered_json line;
  put(line, "source", entry.source);
  line["state"] = states[static_cast<std::size_t>(entry.became)];
  line["bytes"] = entry.bytes;
  line["mtime_ns"] = entry.mtime_ns;
  if (!entry.hash.empty()) line["hash"] = entry.hash;
  if (entry.width != 0) {
    line["width"] = entry.width;
    line["height"] = entry.height;
  }
  put(line, "settings", entry.settings);
  if (entry.became == manifest_entry::state::failed) {
    line["error"] = to_string(entry.why.kind);
    line["message"] = entry.why.sentence;
  } else {
    ordered_json outputs = ordered_json::array();
    for (const made_output& each : entry.outputs) {
      ordered_json one;
      put(one, "path", each.path);
      one["width"] = each.width;
      one["height"] = each.height;
      one["bytes"] = each.bytes;
      outputs.push_back(std::move(one));
    }
    line["outputs"] = std::move(outputs);
  }
  return dump(line) + "\n";
}

std::optional<manifest_entry> parse_line(std::string_view line) {
  const ordered_json parsed = ordered_json::parse(line, nullptr, false);
  if (!parsed.is_object()) return std::nullopt;
  try {
    return read(parsed);
  } catch (const ordered_json::exception&) {
    return std::nullopt;  // somebody else's line
  }
}

}  // namespace millpool::thumbs
