#include <bolt/database.hpp>

#include <support/bolt_model.hpp>
#include <support/bolt_text.hpp>
#include <support/expect.hpp>
#include <support/temp_dir.hpp>
#include <sys/file.hpp>
#include <bolt/little_endian.hpp>
#include <bolt/transaction.hpp>

#include <gtest/gtest.h>

#include <unistd.h>

namespace dind::bolt {
namespace {

using test::bolt_text_of;
using test::BoltModel;
using test::fails_saying;
using test::fails_with;
using test::ok;
using test::RandomChanges;
using test::TempDir;

constexpr std::size_t kPage = 4096;

class DatabaseTest : public testing::Test {
protected:
  Result<std::shared_ptr<Database>> open(const std::string& name = "db") const {
    return Database::open(dir_.fd(), name, Database::Access::read);
  }
  Result<std::string> text_of(const std::string& file) const {
    dir_.write("db", file);
    return bolt_text_of(dir_.fd(), "db");
  }
  // Pages 0 and 1, then these as they are; the root is page 2.
  static std::string file_of(const std::vector<std::string>& pages) {
    Meta meta{.page_size = kPage, .root = {2, 0}, .high_water = 2 + pages.size()};
    std::string file = encode_meta(meta);
    ++meta.transaction;
    file += encode_meta(meta);
    for (const std::string& page : pages) {
      file += page;
      file.resize((file.size() + kPage - 1) / kPage * kPage);
    }
    return file;
  }
  static std::string branch(PageId id,
                            const std::vector<std::pair<std::string, PageId>>& children) {
    std::string page;
    append_page_header(page, {id, kBranchPage, static_cast<std::uint16_t>(children.size()), 0});
    std::size_t content = kPageHeaderSize + children.size() * kElementSize;
    std::string keys;
    for (const auto& [key, child] : children) {
      append(page, static_cast<std::uint32_t>(content + keys.size() - page.size()));
      append(page, static_cast<std::uint32_t>(key.size()));
      append(page, child);
      keys += key;
    }
    return page + keys;
  }
  static std::string leaf(PageId id, const std::vector<Item>& items) {
    return make_leaf(id, items, 0);
  }
  static std::string bucket_at(PageId root) {
    std::string value;
    append(value, root);
    append(value, std::uint64_t{0});
    return value;
  }

  const TempDir dir_;
};

TEST_F(DatabaseTest, IsLockedWhileItIsOpen) {
  Draft root;
  dir_.write("db", make_database(root));
  {
    const auto held = open();
    ASSERT_TRUE(ok(held));
    const auto second = open();
    EXPECT_TRUE(fails_with(EWOULDBLOCK, second));
    EXPECT_TRUE(fails_saying("db: in use by another process", second));
  }
  EXPECT_TRUE(ok(open()));
}

TEST_F(DatabaseTest, OpensRegularFilesBelowTheDirectoryOnly) {
  Draft root;
  dir_.write("below/db", make_database(root));
  EXPECT_TRUE(ok(open("below/db")));
  EXPECT_TRUE(fails_with(ENOENT, open("missing")));
  const std::string link = "link";
  ASSERT_TRUE(ok(sys::symlink_at("below/db", {dir_.fd(), link})));
  EXPECT_TRUE(fails_with(ELOOP, open(link)));
  const std::string fifo = "fifo";
  ASSERT_TRUE(ok(sys::make_node_at({dir_.fd(), fifo}, S_IFIFO | 0600, 0)));
  EXPECT_TRUE(fails_saying("not a regular file", open(fifo)));
  EXPECT_TRUE(fails_saying("not a regular file", open("below")));
}

TEST_F(DatabaseTest, WithoutAValidMetaPageIsNone) {
  for (const std::string& file :
       {std::string(), std::string("x"), std::string(100000, '\0'), std::string(100000, 'x')}) {
    EXPECT_TRUE(fails_saying("no valid meta pages", text_of(file)));
  }
}

TEST_F(DatabaseTest, TakesTheNewestMetaPageThatIsWhole) {
  for (const std::uint32_t size : {4096U, 8192U, 16384U, 32768U, 65536U}) {
    PageAppender pages(2, size);
    const std::vector<Item> none;
    Meta meta{.page_size = size, .root = {pages.add_tree(none), 1}};
    meta.high_water = 3;
    std::string file = encode_meta(meta);
    meta = {size, {2, 2}, 3, 1};
    file += encode_meta(meta);
    file += pages.pages();
    EXPECT_EQ(text_of(file).value(), "/ 2\n");
    std::string torn = file;
    torn[size + 40] ^= 1; // the sequence
    EXPECT_EQ(text_of(torn).value(), "/ 1\n");
    torn = file;
    torn[40] ^= 1;
    EXPECT_EQ(text_of(torn).value(), "/ 2\n");
  }
}

TEST_F(DatabaseTest, RefusesWhatItsMetaPageCannotMean) {
  const std::string pages = file_of({leaf(2, {})});
  const auto with = [&](const Meta& meta) { return encode_meta(meta) + pages.substr(kPage); };
  EXPECT_TRUE(ok(text_of(with({kPage, {2, 0}, 3, 2}))));
  EXPECT_TRUE(fails_saying("cut short", text_of(with({kPage, {2, 0}, 4, 2}))));
  EXPECT_TRUE(fails_saying("cut short", text_of(with({kPage, {2, 0}, 1ULL << 60U, 2}))));
  EXPECT_TRUE(fails_saying("its root is page 3", text_of(with({kPage, {3, 0}, 3, 2}))));
}

struct Hostile {
  const char* name;
  std::vector<std::string> pages;
  const char* error;
};

TEST_F(DatabaseTest, RefusesTreesThatNoWriterMakes) {
  std::string unsorted = leaf(2, {{"b", "", {}}, {"a", "", {}}});
  std::string overlapping = leaf(2, {{"a", std::string(3000, 'x'), {}}, {"b", "", {}}});
  overlapping[16 + 16 + 4] = 16; // the second begins where the first does, and has 2816 bytes of it
  overlapping[16 + 16 + 12 + 1] = 11;
  std::string outside = leaf(2, {{"a", "b", {}}});
  outside[16 + 12 + 2] = 1; // a value of 64 KiB
  std::string backward = leaf(2, {{"a", "b", {}}});
  backward[16 + 4] = 1; // within its own element
  std::string crowded = leaf(2, {});
  crowded[11] = 1; // 256 elements
  std::string flagged = leaf(2, {{"a", "b", {}}});
  flagged[16] = 2;
  std::string overflowing = leaf(2, {});
  overflowing[12] = 1;
  std::string bucket = bucket_at(9);
  const Hostile kRows[] = {
      {"another page's", {leaf(3, {})}, "page 2: calls itself page 3"},
      {"a meta page", {encode_meta({kPage, {2, 0}, 3, 2}).replace(0, 1, "\2")}, "neither a leaf"},
      {"zeros", {std::string(16, '\0')}, "page 2: calls itself page 0"},
      {"unsorted", {unsorted}, "page 2: element 1: its key does not follow"},
      {"outside", {outside}, "page 2: element 0 lies outside"},
      {"overlapping", {overlapping}, "page 2: element 1 lies outside"},
      {"backward", {backward}, "page 2: element 0 lies outside"},
      {"crowded", {crowded}, "its 256 elements do not fit"},
      {"flags", {flagged}, "element 0: unknown flags 0x2"},
      {"no key", {leaf(2, {{"", "b", {}}})}, "an empty key"},
      {"overflow", {overflowing}, "page 2: claims 1 more pages"},
      {"short bucket", {leaf(2, {{"a", "b", ItemKind::bucket}})}, "too short for a bucket"},
      {"no page", {leaf(2, {{"a", bucket, ItemKind::bucket}})}, "page 9: there are 3 pages"},
      {"no children", {branch(2, {})}, "a branch without children"},
      {"itself", {branch(2, {{"a", 2}})}, "more than 32 levels"},
      {"a ring", {branch(2, {{"a", 3}}), branch(3, {{"a", 2}})}, "more than 32 levels"},
      {"empty child", {branch(2, {{"a", 3}}), leaf(3, {})}, "page 3: has not the keys"},
      {"shared child",
       {branch(2, {{"a", 3}, {"b", 3}}), leaf(3, {{"a", "", {}}})},
       "page 3: has not the keys"},
      {"overlapping children",
       {branch(2, {{"a", 3}, {"b", 4}}), leaf(3, {{"a", "", {}}, {"c", "", {}}}),
        leaf(4, {{"d", "", {}}})},
       "page 3: has not the keys"},
  };
  for (const Hostile& row : kRows) {
    EXPECT_TRUE(fails_saying(row.error, text_of(file_of(row.pages)))) << row.name;
  }
}

TEST_F(DatabaseTest, BucketsThatHoldThemselvesComeToAnEnd) {
  const std::string itself = bucket_at(2);
  EXPECT_TRUE(
      fails_saying("64 deep", text_of(file_of({leaf(2, {{"a", itself, ItemKind::bucket}})}))));
}

// 40 buckets in each other are fine, but each holds the next one twice.
TEST_F(DatabaseTest, BucketsThatShareTheirPagesComeToAnEnd) {
  std::vector<std::string> pages;
  for (PageId page = 2; page < 42; ++page) {
    const std::string next = bucket_at(page + 1);
    pages.push_back(leaf(page, {{"a", next, ItemKind::bucket}, {"b", next, ItemKind::bucket}}));
  }
  pages.push_back(leaf(42, {}));
  EXPECT_TRUE(fails_saying("its pages lead to each other", text_of(file_of(pages))));
}

TEST_F(DatabaseTest, AFileCutShortWhileItIsOpenIsAnError) {
  dir_.write("db", file_of({branch(2, {{"a", 3}}), leaf(3, {{"a", "b", {}}})}));
  const auto database = open();
  ASSERT_TRUE(ok(database));
  ASSERT_EQ(::truncate((dir_ / "db").c_str(), 3 * kPage), 0);
  EXPECT_TRUE(
      fails_saying("db: page 3: behind the end of the file", Bucket::root_of(*database).get("a")));
}

// A store with all that a file can have, each of whose pages is lost or damaged in turn.
class TornPageTest : public DatabaseTest {
protected:
  void SetUp() override {
    BoltModel model;
    RandomChanges changes(5);
    Draft root;
    for (int i = 0; i < 2; ++i) {
      ASSERT_TRUE(ok(changes.change(model, root)));
    }
    file_ = make_database(root);
    text_ = model.text();
    ASSERT_GT(file_.size(), 20 * kPage);
  }

  // Reading, and a transaction that touches every bucket at the top.
  void use(const std::string& file) const {
    std::ignore = text_of(file);
    auto database = Database::open(dir_.fd(), "db", Database::Access::write);
    if (!database) {
      return;
    }
    Transaction transaction(*database);
    std::vector<std::string> names;
    std::ignore = transaction.root().each([&names](const Item& item) -> Result<void> {
      names.emplace_back(item.key);
      return {};
    });
    for (const std::string& name : names) {
      if (auto bucket = transaction.root().find_bucket(name); bucket && *bucket != nullptr) {
        std::ignore = (*bucket)->put("new", "value");
      }
    }
    std::ignore = transaction.commit();
  }

  std::string file_;
  std::string text_;
};

TEST_F(TornPageTest, CutShortIsAnErrorOrChangesNothing) {
  for (std::size_t size = 0; size < file_.size(); size += kPage * 3 / 4) {
    const auto text = text_of(file_.substr(0, size));
    EXPECT_TRUE(!text || *text == text_) << size;
  }
}

TEST_F(TornPageTest, AnEmptiedHeadOfAPageIsAnErrorOrChangesNothing) {
  std::size_t errors = 0;
  for (std::size_t page = 0; page * kPage < file_.size(); ++page) {
    const bool is_head = decode_page_header(file_.substr(page * kPage, 16)).id == page;
    std::string torn = file_;
    torn.replace(page * kPage, kPage, kPage, '\0');
    const auto text = text_of(torn);
    // bolt has no checksums of content: the inside of a value is nobody's to find wrong.
    EXPECT_TRUE(!text || *text == text_ || !is_head) << page;
    errors += !text;
    use(torn);
  }
  EXPECT_GT(errors, 5U);
}

TEST_F(TornPageTest, FlippedBitsAreErrorsOrOtherValuesAndNothingWorse) {
  RandomChanges random(1);
  for (int round = 0; round < 400; ++round) {
    std::string torn = file_;
    for (std::size_t flips = 1 + random.below(3); flips > 0; --flips) {
      // Half of them where pages begin: that is where numbers are.
      const std::size_t page = random.below(file_.size() / kPage) * kPage;
      const std::size_t at = page + random.below(flips % 2 == 0 ? kPage : 160);
      torn[at] = static_cast<char>(torn[at] ^ (1 << random.below(8)));
    }
    use(torn);
  }
}

TEST_F(TornPageTest, ATornMetaPageLeavesTheOtherOne) {
  for (std::size_t page : {0U, 1U}) {
    for (std::size_t at = 16; at < 80; at += 5) {
      std::string torn = file_;
      torn[page * kPage + at] ^= 0x10;
      EXPECT_TRUE(text_of(torn).value() == text_) << page << " " << at;
    }
  }
}

} // namespace
} // namespace dind::bolt
