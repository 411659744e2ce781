#include "apps/millpool/logs/checkpoint.hpp"

#include "apps/millpool/logs/hash.hpp"
#include "apps/support/io.hpp"
#include "apps/support/unique_fd.hpp"

#include <algorithm>
#include <cstdio>
#include <fcntl.h>
#include <stdexcept>
#include <unistd.h>
#include <utility>

namespace millpool::logs {
namespace {

constexpr std::string_view magic = "millpool logs checkpoint 2\n";
constexpr std::size_t most_others = 1000;  // files that are no inputs any more

[[nodiscard]] file_head head_at(const std::string& path, std::uint64_t size) {
  const app::unique_fd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  return fd ? head_of(fd.get(), size) : file_head{};
}

}  // namespace

std::expected<void, std::string> checkpoint::save(const query& asked,
                                                  const std::vector<input>& inputs,
                                                  const findings& found) {
  std::vector<known_file> files = others_;
  archive_writer body;
  body.put(std::string_view{asked.fingerprint()});
  body.put<std::uint64_t>(inputs.size() + former_names_.size());
  for (std::uint32_t number = 0; number < inputs.size(); ++number) {
    const input& each = inputs[number];
    body.put(std::string_view{each.path});
    const file_head head = each.counted_head();
    if (head.size > 0) files.push_back({number, head, each.position});
  }
  for (const std::string& each : former_names_) body.put(std::string_view{each});
  body.put<std::uint64_t>(files.size());
  for (const known_file& each : files) {
    body.put(each.name);
    body.put(each.head.size);
    body.put(each.head.hash);
    body.put(each.position);
  }
  found.save(body);
  archive_writer whole;
  whole.put(hash_of(body.text()));

  const std::string fresh = path_ + ".new";
  const auto failed = [&](std::error_code error) {
    return std::unexpected("cannot write checkpoint " + fresh + ": " + error.message());
  };
  {
    const app::unique_fd fd{::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)};
    if (!fd) return failed(app::last_error());
    for (const std::string_view part :
         {magic, std::string_view{whole.text()}, std::string_view{body.text()}}) {
      if (const auto error = app::write_all(fd.get(), part)) return failed(error);
    }
    if (::fsync(fd.get()) != 0) return failed(app::last_error());
  }
  if (std::rename(fresh.c_str(), path_.c_str()) != 0) return failed(app::last_error());
  return {};
}

std::expected<std::vector<std::string>, std::string> checkpoint::load(const query& asked,
                                                                      std::vector<input>& inputs,
                                                                      findings& found) {
  const auto text = app::read_file(path_);
  if (!text) {
    if (text.error() == std::errc::no_such_file_or_directory) return std::vector<std::string>{};
    return std::unexpected("cannot read checkpoint " + path_ + ": " + text.error().message());
  }
  try {
    if (!text->starts_with(magic)) throw std::runtime_error{"it is no checkpoint of millpool logs"};
    archive_reader whole{std::string_view{*text}.substr(magic.size())};
    const auto hash = whole.get<std::uint64_t>();
    const auto body = std::string_view{*text}.substr(magic.size() + sizeof hash);
    if (hash != hash_of(body)) throw std::runtime_error{"its checksum is wrong"};
    archive_reader in{body};
    if (in.get_text() != asked.fingerprint()) {
      throw std::runtime_error{"it is of another query (other flags, or another format)"};
    }
    std::vector<std::string> names;
    for (auto left = in.get<std::uint64_t>(); left > 0; --left) names.emplace_back(in.get_text());
    std::vector<known_file> known;
    for (auto left = in.get<std::uint64_t>(); left > 0; --left) {
      known_file file;
      file.name = in.get<std::uint32_t>();
      file.head.size = std::min(in.get<std::uint64_t>(), file_head::most);
      file.head.hash = in.get<std::uint64_t>();
      file.position = in.get<std::uint64_t>();
      known.push_back(file);
    }
    std::vector<std::uint32_t> numbers;
    auto said = match(inputs, std::move(known), names, numbers);
    in.renumber_inputs(std::move(numbers));
    found.load(in);
    return said;
  } catch (const std::runtime_error& error) {
    return std::unexpected("checkpoint " + path_ + ": " + error.what());
  }
}

// A file is known by its begin, under whatever name: logs are rotated.
std::vector<std::string> checkpoint::match(std::vector<input>& inputs,
                                           std::vector<known_file> known,
                                           const std::vector<std::string>& names,
                                           std::vector<std::uint32_t>& numbers) {
  const auto name_in = [&](const known_file& each) {
    return each.name < names.size() ? std::string_view{names[each.name]} : std::string_view{};
  };
  for (const std::string& name : names) numbers.push_back(number_of(name, inputs));
  const auto take = [&](std::uint32_t number, bool same_name) {
    input& one = inputs[number];
    const auto found = std::find_if(known.begin(), known.end(), [&](const known_file& each) {
      return (name_in(each) == one.path) == same_name && each.head.size > 0 &&
             head_at(one.path, each.head.size) == each.head;
    });
    if (found == known.end()) return;
    one.position = found->position;
    one.head = found->head;
    if (found->name < names.size()) numbers[found->name] = number;
    known.erase(found);
  };
  for (std::uint32_t i = 0; i < inputs.size(); ++i) take(i, true);
  for (std::uint32_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].head.size == 0) take(i, false);
  }
  std::vector<std::string> said;
  for (known_file& each : known) {
    const std::uint32_t name = std::exchange(each.name, nameless);
    if (name >= names.size()) continue;
    const std::uint32_t now = numbers[name];
    if (now < inputs.size() && inputs[now].path == names[name] &&
        head_at(names[name], 1).size > 0) {
      said.push_back(names[name] +
                     ": another file than at the checkpoint, so it is read from its "
                     "begin; what was appended to the former is not counted");
    } else {
      each.name = now;
    }
  }
  others_ = std::move(known);
  return said;
}

std::uint32_t checkpoint::number_of(const std::string& name, const std::vector<input>& inputs) {
  const auto same = std::find_if(inputs.begin(), inputs.end(),
                                 [&](const input& each) { return each.path == name; });
  if (same != inputs.end()) return static_cast<std::uint32_t>(same - inputs.begin());
  const auto known = std::find(former_names_.begin(), former_names_.end(), name);
  const auto at = static_cast<std::uint32_t>(known - former_names_.begin());
  if (known == former_names_.end()) former_names_.push_back(name);
  return static_cast<std::uint32_t>(inputs.size()) + at;
}

std::string_view checkpoint::name_of(std::uint32_t number, const std::vector<input>& inputs) const {
  return number < inputs.size() ? inputs[number].path : former_names_[number - inputs.size()];
}

void checkpoint::leave(const input& one) {
  if (others_.size() == most_others) others_.erase(others_.begin());
  const file_head head = one.counted_head();
  if (head.size > 0) others_.push_back({nameless, head, one.position});
}

}  // namespace millpool::logs
