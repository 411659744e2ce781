#include "apps/millpool/logs/line_format.hpp"

#include "tests/apps/logs/lines.hpp"

#include <gmock/gmock.h>

namespace millpool::logs {
namespace {

using test::format_of;
using test::parse;
using test::pattern_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Optional;

constexpr const char* good_line =
    R"x(83.149.9.216 - frank [17/May/2015:10:05:03 +0000] "GET /a b?c=d HTTP/1.1" 200 203023 )x"
    R"x("http://semicomplete.com/" "Mozilla/5.0 (X11; \"quoted\")")x";

TEST(AccessFormat, FindsEveryField) {
  EXPECT_THAT(
      parse(format_of(format_kind::combined),
            {"remote_host", "ident", "user", "time", "request", "method", "path", "protocol",
             "status", "bytes", "referer", "user_agent"},
            good_line),
      Optional(ElementsAre("83.149.9.216", "-", "frank", "17/May/2015:10:05:03 +0000",
                           "GET /a b?c=d HTTP/1.1", "GET", "/a b?c=d", "HTTP/1.1", "200", "203023",
                           "http://semicomplete.com/", R"(Mozilla/5.0 (X11; \"quoted\"))")));
}

TEST(AccessFormat, TakesTheCommonFormatWithoutItsLastFields) {
  constexpr const char* line = R"(::1 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.0" 304 -)";
  EXPECT_THAT(parse(format_of(format_kind::common), {"remote_host", "bytes", "referer"}, line),
              Optional(ElementsAre("::1", "-", "(absent)")));
  EXPECT_THAT(parse(format_of(format_kind::combined), {"status", "user_agent"}, line),
              Optional(ElementsAre("304", "(absent)")));
}

TEST(AccessFormat, ALineThatEndsWithinItsLastFieldCounts) {
  const std::string line = std::string{good_line}.substr(0, 130);
  EXPECT_THAT(parse(format_of(format_kind::combined), {"status", "user_agent"}, line),
              Optional(ElementsAre("200", "Mozilla/5.0 (X11;")));
}

TEST(AccessFormat, TakesRequestsThatAreNone) {
  const auto path_of = [](const std::string& request) {
    return parse(format_of(format_kind::combined), {"method", "path", "protocol"},
                 "h - - [17/May/2015:10:05:03 +0000] \"" + request + "\" 400 0 \"-\" \"-\"");
  };
  EXPECT_THAT(path_of("-"), Optional(ElementsAre("(absent)", "-", "(absent)")));
  EXPECT_THAT(path_of(R"(\x16\x03\x01)"),
              Optional(ElementsAre("(absent)", R"(\x16\x03\x01)", "(absent)")));
  EXPECT_THAT(path_of("GET /x"), Optional(ElementsAre("GET", "/x", "(absent)")));
  EXPECT_THAT(path_of("PRI * HTTP/2"), Optional(ElementsAre("PRI", "*", "HTTP/2")));
  EXPECT_THAT(path_of(R"(GET /\" HTTP/1.1)"), Optional(ElementsAre("GET", R"(/\")", "HTTP/1.1")));
  EXPECT_THAT(path_of(R"(GET /\\)"), Optional(ElementsAre("GET", R"(/\\)", "(absent)")));
  EXPECT_THAT(path_of(""), Optional(ElementsAre("(absent)", "", "(absent)")));
}

TEST(AccessFormat, AUserMayHaveBlanks) {
  EXPECT_THAT(parse(format_of(format_kind::common), {"user"},
                    R"(h - Jo Doe [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1)"),
              Optional(ElementsAre("Jo Doe")));
}

// vhost_combined has a name and a port before the host. With the fields shifted it would fit.
TEST(AccessFormat, RefusesLinesWithAFieldMore) {
  const std::string rest = R"([17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1 "-" "-")";
  for (const char* begin :
       {"v:80 1.2.3.4 - - ", "v.example:443 ::1 - frank ", "v:80 h - Jo Doe "}) {
    EXPECT_EQ(parse(format_of(format_kind::combined), {"user"}, begin + rest), std::nullopt);
    EXPECT_FALSE(guess_format(test::all_padded({begin + rest}))) << begin;
  }
  EXPECT_THAT(parse(format_of(format_kind::combined), {"ident", "user"}, "h joe frank " + rest),
              Optional(ElementsAre("joe", "frank")));
}

TEST(AccessFormat, RefusesWhatIsNoSuchLine) {
  for (const char* line : {"", " ", "x", "a b c", "h - - [", "h - - [17/May/2015:10:05:03 +0000]",
                           "h - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1",
                           "h - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\"",
                           "h - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 20x 5",
                           "h - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 5x",
                           "h - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 ",
                           "h - - [17-May-2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 5",
                           "h - -[17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 5",
                           " - - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 5",
                           "h [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 5"}) {
    EXPECT_EQ(parse(format_of(format_kind::combined), {"path"}, line), std::nullopt) << line;
  }
}

TEST(JsonFormat, FindsKeysAndPaths) {
  constexpr const char* line =
      R"({"a": "x\n", "b": {"c": {"d": 5}}, "e.f": true, "n": null, "l": [1, 2], "r": 1.5})";
  EXPECT_THAT(parse(format_of(format_kind::json),
                    {"a", "b.c.d", "e.f", "n", "l", "r", "b.c", "none", "a.b"}, line),
              Optional(ElementsAre("x\n", "5", "true", "(absent)", "[1,2]", "1.5", R"({"d":5})",
                                   "(absent)", "(absent)")));
}

TEST(JsonFormat, RefusesWhatIsNoObject) {
  for (const char* line : {"", "5", "[1]", "{", R"({"a":})", R"({"a":1} x)", R"({"a":"\x"})",
                           "{\"a\":\"\xff\"}", R"({"a":1}{"a":2})"}) {
    EXPECT_EQ(parse(format_of(format_kind::json), {"a"}, line), std::nullopt) << line;
    EXPECT_EQ(parse(format_of(format_kind::json), {}, line), std::nullopt) << line;
  }
}

TEST(LogfmtFormat, FindsBareAndQuotedValues) {
  EXPECT_THAT(parse(format_of(format_kind::logfmt), {"level", "msg", "n", "flag", "empty", "no"},
                    R"(level=info msg="a \"b\"\n" n=5=6  flag empty= level=late)"),
              Optional(ElementsAre("info", "a \"b\"\n", "5=6", "true", "", "(absent)")));
}

TEST(LogfmtFormat, RefusesWhatHasNoPairOrAnOpenQuote) {
  for (const char* line :
       {"", "just words", "=x", "a=\"open", "a=\"b\"c", "a=\"b\\", "a=1 =2", "\"a\"=1"}) {
    EXPECT_EQ(parse(format_of(format_kind::logfmt), {"a"}, line), std::nullopt) << line;
  }
}

const std::vector<std::string> syslog_names{"facility", "severity", "time",   "host",
                                            "program",  "pid",      "message"};

TEST(SyslogFormat, Reads3164WithAndWithoutPriority) {
  EXPECT_THAT(parse(format_of(format_kind::syslog), syslog_names,
                    "<34>Oct 11 22:14:15 mymachine su[12]: 'su root' failed"),
              Optional(ElementsAre("auth", "crit", "Oct 11 22:14:15", "mymachine", "su", "12",
                                   "'su root' failed")));
  EXPECT_THAT(parse(format_of(format_kind::syslog), syslog_names,
                    "Mar  7 22:14:15 host kernel: [    0.1] up"),
              Optional(ElementsAre("(absent)", "(absent)", "Mar  7 22:14:15", "host", "kernel",
                                   "(absent)", "[    0.1] up")));
  EXPECT_THAT(parse(format_of(format_kind::syslog), syslog_names,
                    "Mar  7 22:14:15 host last message repeated 2 times"),
              Optional(ElementsAre("(absent)", "(absent)", "Mar  7 22:14:15", "host", "(absent)",
                                   "(absent)", "last message repeated 2 times")));
}

TEST(SyslogFormat, Reads5424) {
  EXPECT_THAT(parse(format_of(format_kind::syslog),
                    {"severity", "time", "host", "program", "pid", "message_id", "structured_data",
                     "message"},
                    "<165>1 2003-10-11T22:14:15.003Z host evnt 8710 ID47 [a k=\"v\\]\"][b x=\"]\"] "
                    "\xEF\xBB\xBFtext here"),
              Optional(ElementsAre("notice", "2003-10-11T22:14:15.003Z", "host", "evnt", "8710",
                                   "ID47", "[a k=\"v\\]\"][b x=\"]\"]", "text here")));
  EXPECT_THAT(parse(format_of(format_kind::syslog), {"host", "structured_data", "message"},
                    "<0>1 - - - - - -"),
              Optional(ElementsAre("(absent)", "(absent)", "")));
}

TEST(SyslogFormat, ReadsRsyslogsFileFormat) {
  EXPECT_THAT(parse(format_of(format_kind::syslog), syslog_names,
                    "2015-05-17T10:05:03.250000+02:00 host sshd[5]: hello"),
              Optional(ElementsAre("(absent)", "(absent)", "2015-05-17T10:05:03.250000+02:00",
                                   "host", "sshd", "5", "hello")));
}

TEST(SyslogFormat, RefusesWhatIsNoSuchLine) {
  for (const char* line : {"", "<", "<x>Oct 11 22:14:15 h m: t", "<999>Oct 11 22:14:15 h m: t",
                           "Oct 11 22:14:15", "hello world", "<34>1 time", "<34>1 - - - - - [open",
                           "<34>1 - - - - - x", "<>Oct 11 22:14:15 h m: t"}) {
    EXPECT_EQ(parse(format_of(format_kind::syslog), {"host"}, line), std::nullopt) << line;
  }
}

line_format csv_of(std::vector<std::string> columns) {
  return {.kind = format_kind::csv, .pattern = {}, .columns = std::move(columns)};
}

TEST(CsvFormat, ReadsQuotedFields) {
  EXPECT_THAT(
      parse(csv_of({"a", "b", "c", "d"}), {"d", "a", "b", "c"}, R"("x, ""y""",plain,"""","")"),
      Optional(ElementsAre("", "x, \"y\"", "plain", "\"")));
}

TEST(CsvFormat, RefusesOtherNumbersOfFieldsAndOpenQuotes) {
  for (const char* line : {"", "1", "1,2,3", "\"1,2", "\"1\"x,2", "1,\"2\"\"", "1,\"2\" ", "y\",1",
                           "1,a\"b\"", "1, \"2\""}) {
    EXPECT_EQ(parse(csv_of({"a", "b"}), {"a"}, line), std::nullopt) << line;
  }
  EXPECT_THAT(parse(csv_of({"a", "b"}), {"a"}, ","), Optional(ElementsAre("")));
}

TEST(CsvFormat, AByteOrderMarkIsNotOfTheFirstName) {
  EXPECT_THAT(csv_columns("\xEF\xBB\xBF\"a\",b", ','), Optional(ElementsAre("a", "b")));
}

TEST(Pattern, FieldsEndAtTheTextBehindThem) {
  EXPECT_THAT(parse(pattern_of("{time} [{level}] {}: {message}"), {"level", "message", "time"},
                    "10:05 [warn] worker-1: a: b"),
              Optional(ElementsAre("warn", "a: b", "10:05")));
  EXPECT_THAT(parse(pattern_of("<{a}>{{{b}}}."), {"a", "b"}, "<x>{y}."),
              Optional(ElementsAre("x", "y")));
  EXPECT_THAT(parse(pattern_of("{a}.end"), {"a"}, "x.end.end"), Optional(ElementsAre("x.end")));
  EXPECT_EQ(parse(pattern_of("{a}-{b}"), {"a"}, "no dash"), std::nullopt);
  EXPECT_EQ(parse(pattern_of("x{a}"), {"a"}, "y"), std::nullopt);
  EXPECT_EQ(parse(pattern_of("{a}!"), {"a"}, "y"), std::nullopt);
}

TEST(Pattern, AnExpressionWithNamedGroupsHasToMatchTheWholeLine) {
  const auto format = pattern_of(R"((?P<level>\w+): (?P<code>\d+)?(?P<rest>.*))");
  EXPECT_THAT(parse(format, {"code", "level", "rest"}, "warn: 42 x"),
              Optional(ElementsAre("42", "warn", " x")));
  EXPECT_THAT(parse(format, {"code"}, "warn: x"), Optional(ElementsAre("(absent)")));
  EXPECT_EQ(parse(format, {"code"}, "!"), std::nullopt);
}

TEST(Pattern, SaysWhereItIsWrong) {
  const auto error = [](const char* pattern) {
    const auto made = make_parser(pattern_of(pattern), {});
    return made ? std::string{"no error"} : made.error();
  };
  EXPECT_EQ(error("plain"), "the pattern names no field, as {name} or (?P<name>...)");
  EXPECT_EQ(error("{}"), "the pattern names no field, as {name} or (?P<name>...)");
  EXPECT_EQ(error("{a}{b}"), "no text between two fields at column 4 of the pattern");
  EXPECT_EQ(error("x {a"), "a { without } at column 3 of the pattern ({{ is a brace)");
  EXPECT_EQ(error("{a} }"), "a } without { at column 5 of the pattern (}} is a brace)");
  EXPECT_EQ(error("{a b}"), "'a b' is no name of a field at column 2 of the pattern");
  EXPECT_EQ(error("{a} {a}"), "the pattern has two fields 'a'");
  EXPECT_THAT(error("(?P<a>x"), HasSubstr("the pattern is no regular expression: missing )"));
}

TEST(LineFormat, SaysWhichFieldsThereAre) {
  const auto made = make_parser(pattern_of("{a} {b}"), {"c"});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error(), "format pattern has no field 'c'; it has: a, b");
}

TEST(GuessFormat, KnowsEachFormatByItsLines) {
  const auto guessed = [](std::initializer_list<std::string_view> lines) {
    const auto found = guess_format(test::all_padded(lines));
    return found ? std::string{to_string(found->format.kind)} : std::string{"none"};
  };
  EXPECT_EQ(guessed({good_line}), "combined");
  EXPECT_EQ(guessed({R"(h - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 5)"}), "common");
  EXPECT_EQ(guessed({R"({"a":1})"}), "json");
  EXPECT_EQ(guessed({"level=info msg=hello"}), "logfmt");
  EXPECT_EQ(guessed({"Mar  7 22:14:15 host su: x=1"}), "syslog");
  EXPECT_EQ(guessed({"a,b", "1,2", "3,4"}), "csv");
  EXPECT_EQ(guessed({"a\tb", "1\t2"}), "csv");
  EXPECT_EQ(guessed({"hello"}), "none");
  EXPECT_EQ(guessed({good_line, "junk", good_line}), "combined");
  EXPECT_EQ(guessed({good_line, "junk", "junk"}), "none");
  EXPECT_FALSE(guess_format({}));
}

TEST(GuessFormat, FindsTheFieldThatIsTheTime) {
  EXPECT_EQ(usual_time_field(format_of(format_kind::combined), {}), "time");
  EXPECT_EQ(usual_time_field(format_of(format_kind::json), test::all_padded({R"({"ts":1})"})),
            "ts");
  EXPECT_EQ(usual_time_field(csv_of({"a", "date"}), {}), "date");
  EXPECT_EQ(usual_time_field(pattern_of("{timestamp} {x}"), {}), "timestamp");
}

}  // namespace
}  // namespace millpool::logs
