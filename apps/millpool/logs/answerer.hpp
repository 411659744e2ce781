#pragma once

#include "apps/millpool/logs/archive.hpp"
#include "apps/millpool/logs/groups.hpp"
#include "apps/millpool/logs/kept_lines.hpp"
#include "apps/millpool/logs/query.hpp"
#include "apps/millpool/logs/timestamp.hpp"

#include <memory>
#include <string_view>

namespace millpool::logs {

/// Collects what answers one question, for one worker.
///
/// Thread safety  none.
class answerer {
 public:
  /// A line that was selected.
  struct line {
    std::string_view value;  ///< of the question's field; null data(): absent
    std::string_view text;   ///< all of it
    line_place place;
  };

  virtual ~answerer() = default;
  answerer(const answerer&) = delete;
  answerer& operator=(const answerer&) = delete;

  virtual void take(const line& one, time_reader& times) = 0;
  /// REQUIRES: `other` answers the same question.
  virtual void merge(const answerer& other) = 0;
  virtual void save(archive_writer& out) const = 0;
  virtual void load(archive_reader& in) = 0;
  /// Fills in rows and notes.
  virtual void tell(const question& asked, answer& into) const = 0;

 protected:
  answerer() = default;
};

/// \param  names  of the groups, for the questions that have some; outlives the answerer.
[[nodiscard]] std::unique_ptr<answerer> make_answerer(const question& asked, group_names& names,
                                                      std::uint64_t seed);

}  // namespace millpool::logs
