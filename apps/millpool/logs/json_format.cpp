// A JSON object a line. simdjson costs seconds of compile time in each file that includes it.
#include "apps/millpool/logs/line_format.hpp"
#include "apps/millpool/logs/text_scan.hpp"

#include <array>
#include <charconv>
#include <simdjson.h>
#include <utility>

namespace millpool::logs {
namespace {

static_assert(scan_padding >= simdjson::SIMDJSON_PADDING);

class json_parser final : public line_parser {
 public:
  explicit json_parser(std::vector<std::string> names)
      : names_{std::move(names)}, texts_(names_.size()) {}

  [[nodiscard]] bool parse(std::string_view line, std::span<std::string_view> values) override {
    // The whole document is validated, so that what is malformed does not depend on the question.
    simdjson::dom::object object;
    if (parser_.parse(line.data(), line.size(), false).get_object().get(object) !=
        simdjson::SUCCESS) {
      return false;
    }
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = {};
      simdjson::dom::element found;
      if (find(object, names_[i], found)) values[i] = text_of(found, texts_[i]);
    }
    return true;
  }

 private:
  // The key itself, or the path that its dots make.
  [[nodiscard]] static bool find(simdjson::dom::object object, std::string_view name,
                                 simdjson::dom::element& found) {
    for (;;) {
      if (object.at_key(name).get(found) == simdjson::SUCCESS) return true;
      const std::size_t dot = name.find('.');
      if (dot == std::string_view::npos) return false;
      simdjson::dom::element inner;
      if (object.at_key(name.substr(0, dot)).get(inner) != simdjson::SUCCESS) return false;
      if (inner.get(object) != simdjson::SUCCESS) return false;
      name.remove_prefix(dot + 1);
    }
  }

  [[nodiscard]] static std::string_view text_of(simdjson::dom::element value, std::string& text) {
    using simdjson::dom::element_type;
    std::array<char, 32> digits{};
    const auto written = [&](auto number) {
      const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
      (void)error;  // there is room for any number
      text.assign(digits.data(), end);
      return std::string_view{text};
    };
    switch (value.type()) {
      case element_type::STRING:
        return value.get_string().value_unsafe();
      case element_type::INT64:
        return written(value.get_int64().value_unsafe());
      case element_type::UINT64:
        return written(value.get_uint64().value_unsafe());
      case element_type::DOUBLE:
        return written(value.get_double().value_unsafe());
      case element_type::BOOL:
        return value.get_bool().value_unsafe() ? "true" : "false";
      case element_type::NULL_VALUE:
        return {};
      case element_type::ARRAY:
      case element_type::OBJECT:
        break;
    }
    text = simdjson::minify(value);
    return text;
  }

  std::vector<std::string> names_;
  std::vector<std::string> texts_;  // of values that are no strings
  simdjson::dom::parser parser_;
};

}  // namespace

std::unique_ptr<line_parser> make_json_parser(std::vector<std::string> names) {
  return std::make_unique<json_parser>(std::move(names));
}

}  // namespace millpool::logs
