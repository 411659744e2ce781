#include "apps/support/json_line.hpp"

#include <nlohmann/json.hpp>

namespace millpool::app {

struct json_line::body {
  nlohmann::ordered_json object = nlohmann::ordered_json::object();
};

json_line::json_line() : body_(std::make_unique<body>()) {}
json_line::~json_line() = default;

json_line& json_line::put(std::string_view name, std::string_view text) {
  body_->object[std::string(name)] = text;
  return *this;
}

json_line& json_line::put(std::string_view name, std::int64_t number) {
  body_->object[std::string(name)] = number;
  return *this;
}

json_line& json_line::put(std::string_view name, double number) {
  body_->object[std::string(name)] = number;
  return *this;
}

json_line& json_line::put(std::string_view name, const std::vector<std::string>& texts) {
  body_->object[std::string(name)] = texts;
  return *this;
}

std::string json_line::text() const {
  return body_->object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) +
         "\n";
}

}  // namespace millpool::app
