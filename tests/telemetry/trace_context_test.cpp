#include "millpool/telemetry/trace_context.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <string>
#include <thread>
#include <type_traits>

namespace millpool {
namespace {

// It keeps a pointer.
static_assert(!std::is_constructible_v<trace_scope, trace_context>);
static_assert(!std::is_constructible_v<trace_scope, std::optional<trace_context>>);

constexpr const char* example = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(TraceContext, IsReadAndWrittenAsItsStandardHasIt) {
  const auto read = trace_context::parse(example, "vendor=a,other=b");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->traceparent(), example);
  EXPECT_EQ(read->trace_id_text(), "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(read->span_id_text(), "00f067aa0ba902b7");
  EXPECT_TRUE(read->is_sampled());
  ASSERT_TRUE(read->tracestate);
  EXPECT_EQ(*read->tracestate, "vendor=a,other=b");
}

TEST(TraceContext, LeavesOutWhatOthersToldInNoGoodForm) {
  EXPECT_FALSE(trace_context::parse(example, "a=b\r\nx: y")->tracestate);
  EXPECT_FALSE(trace_context::parse(example, std::string(513, 'a'))->tracestate);
  EXPECT_TRUE(trace_context::parse(example, std::string(512, 'a'))->tracestate);
}

TEST(TraceContext, IsNotSampledWithoutTheFlag) {
  const auto read = trace_context::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02");
  ASSERT_TRUE(read);
  EXPECT_FALSE(read->is_sampled());
  EXPECT_TRUE(read->traceparent().ends_with("-02"));
  EXPECT_FALSE(read->tracestate);
}

TEST(TraceContext, OfALaterVersionIsReadAsFarAsItIsKnown) {
  const std::string known = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-";
  const auto longer = trace_context::parse("cc-" + known + "09-what-the-future-will-be-like");
  ASSERT_TRUE(longer);
  EXPECT_EQ(longer->traceparent(), "00-" + known + "01");
  EXPECT_TRUE(trace_context::parse("cc-" + known + "01"));
  EXPECT_FALSE(trace_context::parse("cc-" + known + "01.what"));
}

TEST(TraceContext, IsNotReadFromWhatIsNone) {
  for (const char* const text : {
           "",
           "00",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
           "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
           "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
           "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
           "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7_01",
       }) {
    EXPECT_FALSE(trace_context::parse(text)) << text;
  }
}

TEST(TraceContext, ThatStartsIsNewAndSampledAsOftenAsAskedFor) {
  // By OpenTelemetry's rule: of the last seven bytes, half of all numbers are at least this high.
  for (int i = 0; i < 100; ++i) {
    const trace_context half = trace_context::start(0.5);
    EXPECT_EQ(half.is_sampled(), half.trace_id[9] >= 0x80) << half.traceparent();
  }
  EXPECT_FALSE(trace_context::start(0.0).is_sampled());
  std::set<std::string> ids;
  int sampled = 0;
  constexpr int many = 4000;
  for (int i = 0; i < many; ++i) {
    const trace_context made = trace_context::start(0.25);
    EXPECT_TRUE(trace_context::parse(made.traceparent())) << made.traceparent();
    ids.insert(made.trace_id_text());
    if (made.is_sampled()) ++sampled;
    EXPECT_TRUE(trace_context::start().is_sampled());
  }
  EXPECT_EQ(ids.size(), many);
  EXPECT_NEAR(sampled, many / 4, 280);  // ten standard deviations
}

TEST(TraceContext, OfAChildIsOfTheSameTraceAndAnotherSpan) {
  const auto outer = trace_context::parse(example, "a=b");
  const trace_context inner = outer->child();
  EXPECT_EQ(inner.trace_id, outer->trace_id);
  EXPECT_NE(inner.span_id, outer->span_id);
  EXPECT_EQ(inner.flags, outer->flags);
  EXPECT_EQ(inner.tracestate, outer->tracestate);
}

TEST(TraceScope, HoldsForItsThreadAndItsScope) {
  EXPECT_EQ(trace_context::current(), nullptr);
  const std::optional<trace_context> outer = trace_context::start();
  const trace_context inner = outer->child();
  {
    const trace_scope here{outer};
    EXPECT_EQ(trace_context::current(), &*outer);
    {
      const trace_scope in_here{&inner};
      EXPECT_EQ(trace_context::current(), &inner);
      const trace_scope nothing{nullptr};
      EXPECT_EQ(trace_context::current(), nullptr);
      EXPECT_FALSE(trace_context::copy_of_current());
    }
    EXPECT_EQ(trace_context::current(), &*outer);
    EXPECT_EQ(trace_context::copy_of_current()->span_id, outer->span_id);
    std::jthread{[] { EXPECT_EQ(trace_context::current(), nullptr); }}.join();
  }
  EXPECT_EQ(trace_context::current(), nullptr);
}

}  // namespace
}  // namespace millpool
