#include "apps/millpool/thumbs/gallery.hpp"

#include "tests/apps/scratch.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace millpool::thumbs {
namespace {

TEST(Gallery, HasAFolderOnceAndWhatLiesInNoneFirst) {
  const test::scratch folder;
  auto log = manifest::open(folder.path("log")).value();
  for (const char* each : {"z.jpg", "a/1.jpg", "a/b/1.jpg", "a/c.jpg"}) {
    manifest_entry entry{.source = each};
    entry.outputs = {{.path = each, .width = 1, .height = 1, .bytes = 1}};
    ASSERT_TRUE(log.append(entry));
  }
  std::string page;
  write_gallery(log, [&](std::string_view piece) { page += piece; });
  std::vector<std::size_t> places;
  for (const char* each : {"\"z.jpg\"", "<h2>a</h2>", "\"a/1.jpg\"", "\"a/c.jpg\"", "<h2>a/b</h2>"})
    places.push_back(page.find(each));
  EXPECT_TRUE(std::is_sorted(places.begin(), places.end()));
  EXPECT_EQ(page.find("<h2>a</h2>"), page.rfind("<h2>a</h2>"));
}

TEST(HtmlText, EscapesWhatHtmlTakesForItsOwn) {
  EXPECT_EQ(html_text("<a href=\"x\" id='y'>&"),
            "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;");
  EXPECT_EQ(html_text("a\nb\x7f"), "a b ");
}

TEST(HtmlText, KeepsUtf8AndReplacesAllElse) {
  EXPECT_EQ(html_text("Grüße 写真 😀"), "Grüße 写真 😀");
  for (const char* bad : {"\xff", "\xc0", "\xe2\x82", "\xed\xa0", "\xf5"})
    EXPECT_NE(html_text(bad).find("\xef\xbf\xbd"), std::string::npos);
  EXPECT_EQ(html_text("\xc3<"), "\xef\xbf\xbd&lt;");  // a cut character swallows nothing
}

TEST(UrlPath, WritesWhatIsNotPlainByteByByte) {
  EXPECT_EQ(url_path("a/b-c_d.~9"), "a/b-c_d.~9");
  EXPECT_EQ(url_path("a b?c#d%e:f&\"<\xff"), "a%20b%3Fc%23d%25e%3Af%26%22%3C%FF");
}

}  // namespace
}  // namespace millpool::thumbs
