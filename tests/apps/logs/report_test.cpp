#include "apps/millpool/logs/report.hpp"

#include "apps/millpool/logs/options.hpp"
#include "apps/millpool/logs/query.hpp"
#include "tests/apps/logs/lines.hpp"

#include <gmock/gmock.h>

namespace millpool::logs {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

report sample_report() {
  return {.lines = 12,
          .malformed = 1,
          .selected = 11,
          .bytes = 99,
          .answers = {{.kind = question_kind::count_by,
                       .title = "lines by path",
                       .field = "path",
                       .rows = {{.key = "/a,\"b\"", .value = 8, .is_count = true},
                                {.key = "/\x1b[31m", .value = 2, .is_count = true}},
                       .notes = {"a note", "another"}},
                      {.kind = question_kind::mean,
                       .title = "mean of x",
                       .field = "x",
                       .rows = {{.key = "x", .value = std::nullopt}},
                       .notes = {}}}};
}

TEST(Report, ATableIsAlignedAndHasBarsWhereThereIsRoom) {
  EXPECT_EQ(as_table(sample_report(), 0),
            "12 lines, 1 malformed\n\n"
            "lines by path (a note; another)\n"
            "  /a,\"b\"     8\n"
            "  /\\x1b[31m  2\n\n"
            "mean of x\n"
            "  x  -\n");
  EXPECT_THAT(as_table(sample_report(), 40), HasSubstr("  /a,\"b\"     8  ███████████████████████\n"
                                                       "  /\\x1b[31m  2  █████▊\n"));
}

TEST(Report, JsonHasNumbersAndNulls) {
  EXPECT_EQ(as_json(sample_report()),
            R"({"lines":12,"selected":11,"malformed":1,"bytes":99,"answers":[)"
            R"({"answer":"count-by","field":"path","rows":[{"key":"/a,\"b\"","value":8},)"
            R"({"key":"/\u001b[31m","value":2}],"notes":["a note","another"]},)"
            R"({"answer":"mean","field":"x","rows":[{"key":"x","value":null}],"notes":[]}]})"
            "\n");
}

TEST(Report, CsvQuotesWhatNeedsIt) {
  EXPECT_EQ(as_csv(sample_report()),
            "answer,field,key,value\ntotal,,lines,12\ntotal,,selected,11\ntotal,,malformed,1\n"
            "count-by,path,\"/a,\"\"b\"\"\",8\ncount-by,path,/\x1b[31m,2\nmean,x,x,\n");
}

constexpr unix_ms hour = 3'600'000;

answer::row bucket(unix_ms hours, double lines) {
  return {.key = show_time(hours * hour, hour),
          .value = lines,
          .is_count = true,
          .begin = hours * hour};
}

TEST(Report, SvgEscapesWhatLogsHave) {
  report told = sample_report();
  told.answers.front().rows.front().key = "<script>&";
  told.answers.push_back({.kind = question_kind::histogram,
                          .title = "lines by hour",
                          .field = "time",
                          .rows = {bucket(0, 1), bucket(1, 3)},
                          .notes = {},
                          .unit = hour});
  const std::string svg = as_svg(told);
  EXPECT_THAT(svg, HasSubstr("&lt;script&gt;&amp;"));
  EXPECT_EQ(svg.find("<script>"), std::string::npos);
  EXPECT_EQ(svg.find('\x1b'), std::string::npos);
  EXPECT_THAT(svg, HasSubstr("at most 3"));
}

TEST(Report, SvgPlacesTheColumnsOfAHistogramByTime) {
  const auto drawn = [](unix_ms last) {
    report told;
    told.answers.push_back(
        {.kind = question_kind::histogram,
         .title = "lines by hour",
         .field = "time",
         .rows = {bucket(0, 2), bucket(last, 2), {.key = "(other)", .value = 9, .is_count = true}},
         .notes = {},
         .unit = hour});
    return as_svg(told);
  };
  // 928 pixels between the margins, a column for each hour, and no line in those between.
  EXPECT_THAT(drawn(3),
              HasSubstr("<rect x=\"16.00\" y=\"60.00\" width=\"231.00\" height=\"180.00\"/>\n"
                        "<rect x=\"712.00\" y=\"60.00\" width=\"231.00\" height=\"180.00\"/>\n"
                        "<text"));
  EXPECT_THAT(drawn(1'000'000), HasSubstr("<rect x=\"943.7"));
  EXPECT_THAT(drawn(3), HasSubstr(">at most 2<"));
}

TEST(Report, WhatIsNoUtf8OrAControlCharacterIsShownByteByByte) {
  EXPECT_EQ(printable("caf\xe9"), "caf\\xe9");
  EXPECT_EQ(printable("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"),
            "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
  EXPECT_EQ(printable("\t\x7f\x1b["), "\\x09\\x7f\\x1b[");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m\x9b"),
            "\\xc2\\x9b31m\\x9b");               // a C1 control: what ESC [ is, too
  EXPECT_EQ(printable("\xc2\xa0"), "\xc2\xa0");  // the first behind them
  // Too long, a surrogate, beyond the last, no character of XML, cut short.
  for (const std::string bad :
       {"\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xef\xbf\xbf", "\xe2\x82",
        "\xf0\x9f\x98", "\x80", "\xff", "\xf0\x8f\xbf\xbf"}) {
    EXPECT_EQ(printable(bad).find_first_not_of("\\x0123456789abcdef"), std::string::npos) << bad;
    EXPECT_EQ(printable(bad).size(), 4 * bad.size());
  }
}

TEST(Report, ShowsNumbersAsAPersonWould) {
  EXPECT_EQ(show_number(0), "0");
  EXPECT_EQ(show_number(-7), "-7");
  EXPECT_EQ(show_number(1234567890), "1234567890");
  EXPECT_EQ(show_number(0.25), "0.25");
  EXPECT_EQ(show_number(1e300), "1e+300");
  EXPECT_EQ(show_number(1234567.75), "1234567.75");
  EXPECT_EQ(show_number(1.0 / 3), "0.333333");
  EXPECT_EQ(show_number(1e6 / 3), "333333.33");
  EXPECT_EQ(show_number(-1e12 / 3), "-333333333333.33");
}

TEST(Report, ProgramsReadTheSameNumbers) {
  report told;
  told.answers.push_back(
      {.kind = question_kind::sum,
       .title = "sum of n",
       .field = "n",
       .rows = {{.key = "n", .value = 1234567.75},
                {.key = "n", .value = 0.1 + 0.2},
                {.key = "n", .value = 1e17},
                {.key = "n", .value = 9007199254740992.0, .digits = "9007199254740993"}},
       .notes = {}});
  EXPECT_THAT(as_csv(told), HasSubstr("sum,n,n,1234567.75\nsum,n,n,0.30000000000000004\n"
                                      "sum,n,n,100000000000000000\nsum,n,n,9007199254740993\n"));
  EXPECT_THAT(as_json(told), HasSubstr("9007199254740993}"));
  EXPECT_THAT(as_table(told, 0), HasSubstr("9007199254740993\n"));
}

// ---- options

parsed_options parse(std::vector<const char*> words) {
  words.insert(words.begin(), "logs");
  return parse_options(static_cast<int>(words.size()), words.data(), 4, 2026);
}

TEST(LogsOptions, QuestionsKeepTheOrderOfTheCommandLine) {
  const auto parsed =
      parse({"a.log", "--top", "3", "path", "--count-by", "status", "b.log", "--percentile",
             "p50,99.9", "bytes", "--histogram", "15m", "--top", "1", "user", "-j2"});
  ASSERT_FALSE(parsed.exit) << parsed.text;
  EXPECT_THAT(parsed.options.paths, ElementsAre("a.log", "b.log"));
  const auto& asked = parsed.options.query.questions;
  ASSERT_EQ(asked.size(), 5u);
  EXPECT_EQ(asked[0].field, "path");
  EXPECT_EQ(asked[0].count, 3u);
  EXPECT_EQ(asked[1].kind, question_kind::count_by);
  EXPECT_THAT(asked[2].percents, ElementsAre(50, 99.9));
  EXPECT_EQ(asked[3].unit, 900'000);
  EXPECT_EQ(asked[4].field, "user");
  EXPECT_EQ(parsed.options.workers, 2u);
}

TEST(LogsOptions, WithoutAFileStandardInputIsRead) {
  EXPECT_THAT(parse({}).options.paths, ElementsAre("-"));
  EXPECT_THAT(parse({"--", "-x"}).options.paths, ElementsAre("-x"));
}

TEST(LogsOptions, SayWhatIsWrong) {
  const auto error = [](std::vector<const char*> words) {
    const auto parsed = parse(std::move(words));
    return parsed.exit == 2 ? parsed.text : "no error";
  };
  EXPECT_EQ(error({"--top", "3"}), "the flag --top needs two values");
  EXPECT_EQ(error({"--count-by"}), "the flag --count-by needs a value");
  EXPECT_EQ(error({"--top", "x", "path"}), "--top: 'x' is not a whole number");
  EXPECT_EQ(error({"--top", "0", "path"}), "--top: '0' is not between 1 and 1000000");
  EXPECT_EQ(error({"--format", "xml"}),
            "--format: 'xml' is none of auto, combined, common, json, logfmt, syslog, csv");
  EXPECT_EQ(error({"--pattern", "x"}),
            "--pattern: the pattern names no field, as {name} or (?P<name>...)");
  EXPECT_EQ(error({"--format", "json", "--pattern", "{x}"}),
            "--format and --pattern exclude each other");
  EXPECT_EQ(error({"--delimiter", ";"}), "--delimiter is for --format csv");
  EXPECT_EQ(error({"--where", "status >"}), "--where: column 9: a value was expected");
  EXPECT_EQ(error({"--percentile", "p101", "bytes"}),
            "--percentile: 'p101' are no percentiles: expected such as p50,p99 or 99.9");
  EXPECT_EQ(error({"--histogram", "week"}),
            "--histogram: 'week' is no unit: expected second, minute, hour, day, or such as 15m");
  EXPECT_EQ(error({"--histogram", "1500ms"}),
            "--histogram: '1500ms' is no unit: expected second, minute, hour, day, or such as 15m");
  EXPECT_EQ(error({"--nonsense"}), "unknown flag --nonsense (--help lists them)");
  EXPECT_EQ(error({"-", "-"}), "standard input can be read only once");
  EXPECT_THAT(error({"--checkpoint", "c"}), HasSubstr("cannot be combined with standard input"));
  EXPECT_THAT(error({"f", "--checkpoint", "c", "--match", "x"}),
              HasSubstr("cannot be combined with --match"));
  EXPECT_THAT(error({"--follow"}), HasSubstr("--follow is for files"));
  EXPECT_EQ(error({"f", "--json", "--csv"}), "--json and --csv exclude each other");
}

// ---- query

std::string answer_to(query_options options, const std::vector<std::string>& lines) {
  const auto asked = query::make(std::move(options), test::format_of(format_kind::logfmt), {});
  if (!asked) return asked.error();
  findings found{**asked};
  std::string printed;
  std::uint64_t offset = 0;
  for (const std::string& line : lines) {
    const std::string text = padded(line);
    found.take(std::string_view{text}.substr(0, line.size()), {0, offset}, printed);
    offset += line.size();
  }
  std::string out = printed + as_csv(report_of(found));
  for (const answer& one : found.answers()) {
    for (const std::string& note : one.notes) out += "# " + note + "\n";
  }
  return out.substr(out.find("value\n") + 6);
}

TEST(Query, SaysWhatALineLacks) {
  EXPECT_EQ(answer_to({.questions = {{.kind = question_kind::sum, .field = "n"},
                                     {.kind = question_kind::count_by, .field = "k"},
                                     {.kind = question_kind::histogram, .unit = 1000}}},
                      {"n=1 k=a time=0\n", "n=x\n\n", "k=a time=1.5\r\n"}),
            "total,,lines,3\ntotal,,selected,3\ntotal,,malformed,0\nsum,n,n,1\ncount-by,k,a,2\n"
            "histogram,time,1970-01-01 00:00:00,1\nhistogram,time,1970-01-01 00:00:01,1\n"
            "# of 1 value\n# 2 lines without a number in n\n# 1 line without k\n"
            "# 1 line without a time in time\n");
}

TEST(Query, SumsOfWholeNumbersAreToldInFull) {
  EXPECT_EQ(answer_to({.questions = {{.kind = question_kind::sum, .field = "n"}}},
                      {"n=9007199254740992\nn=1\n"}),
            "total,,lines,2\ntotal,,selected,2\ntotal,,malformed,0\nsum,n,n,9007199254740993\n"
            "# of 2 values\n");
}

TEST(Query, TopTellsWhatItLeavesOut) {
  EXPECT_EQ(
      answer_to(
          {.questions = {{.kind = question_kind::top, .field = "k", .count = 1}}, .max_groups = 2},
          {"k=a\nk=b\nk=a\nk=c\nk=c\nk=c\n"}),
      "total,,lines,6\ntotal,,selected,6\ntotal,,malformed,0\ntop,k,a,2\ntop,k,(other),3\n"
      "# of 2 groups\n# (other): the lines of groups beyond --max-groups, or 256 bytes a group\n"
      "# a group among (other) may belong here: raise --max-groups\n");
}

TEST(Query, ASampleKeepsTheBeginOfLongLines) {
  const std::string fits = "k=" + std::string(4094, 'x');
  const std::string within_a_character = "k=" + std::string(4093, 'x') + "\xc3\xa9";
  EXPECT_EQ(answer_to({.questions = {{.kind = question_kind::sample, .count = 5}}},
                      {fits + "\n", fits + "y\n", within_a_character + "\n"}),
            "total,,lines,3\ntotal,,selected,3\ntotal,,malformed,0\n"
            "sample,@line," +
                fits + ",\nsample,@line," + fits + "…,\nsample,@line," + fits.substr(0, 4095) +
                "…,\n# 2 lines of more than 4096 bytes, cut there\n");
}

TEST(Query, OnlySelectedLinesAreAskedAndPrinted) {
  EXPECT_EQ(answer_to({.questions = {{.kind = question_kind::count_by, .field = "k"}},
                       .where = "k in (a, b) and @line =~ \"x$\""},
                      {"k=a x\nk=b\njunk\nk=c x\nk=b y=x\n"}),
            "total,,lines,5\ntotal,,selected,2\ntotal,,malformed,1\ncount-by,k,a,1\n"
            "count-by,k,b,1\n");
}

TEST(Query, RefusesFieldsThatTheFormatHasNot) {
  const auto asked = query::make({.questions = {{.kind = question_kind::sum, .field = "size"}}},
                                 test::format_of(format_kind::combined), {});
  ASSERT_FALSE(asked);
  EXPECT_THAT(asked.error(), HasSubstr("format combined has no field 'size'; it has: remote_host"));
}

}  // namespace
}  // namespace millpool::logs
