#include <bolt/transaction.hpp>

#include <support/bolt_model.hpp>
#include <support/bolt_text.hpp>
#include <support/expect.hpp>
#include <support/temp_dir.hpp>
#include <sys/file.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <signal.h>
#include <sys/resource.h>

#include <functional>

namespace dind::bolt {
namespace {

using test::bolt_text_of;
using test::BoltModel;
using test::fails_saying;
using test::ok;
using test::RandomChanges;
using test::TempDir;

const std::string kName = "test.db";

// A new file with pages of a size that this machine's bbolt would not choose.
std::string database_of_page_size(std::uint32_t size) {
  PageAppender pages(2, size);
  Meta meta{.page_size = size, .root = {pages.add_tree({}), 0}, .high_water = pages.high_water()};
  std::string file = encode_meta(meta);
  ++meta.transaction;
  return file.append(encode_meta(meta)).append(pages.pages());
}

Result<std::uint64_t> commit_change(const Fd& dir, BoltModel& model, RandomChanges& changes) {
  Transaction transaction(TRY(Database::open(dir, kName, Database::Access::write)));
  TRY(changes.change(model, transaction.root()));
  return transaction.commit();
}

class TransactionTest : public testing::Test {
protected:
  std::string text() const {
    const auto text = bolt_text_of(dir_.fd(), kName);
    EXPECT_TRUE(ok(text));
    return text ? *text : "";
  }
  std::shared_ptr<Database> open() const {
    auto database = Database::open(dir_.fd(), kName, Database::Access::write);
    EXPECT_TRUE(ok(database));
    return database ? *database : nullptr;
  }
  void write(std::string_view content) const { dir_.write(kName, content); }

  // What a transaction that does `change` writes.
  Result<std::uint64_t> commit(const std::function<Result<void>(Draft& root)>& change) const {
    Transaction transaction(open());
    TRY(change(transaction.root()));
    return transaction.commit();
  }

  // Buckets of both forms, and trees of several levels.
  BoltModel write_living_store() const {
    BoltModel model;
    RandomChanges changes(7);
    Draft root;
    for (int i = 0; i < 3; ++i) {
      EXPECT_TRUE(ok(changes.change(model, root)));
    }
    write(make_database(root));
    return model;
  }

  const TempDir dir_;
};

TEST_F(TransactionTest, ANewFileHoldsWhatWasPutIntoIt) {
  Draft root;
  write(make_database(root));
  EXPECT_EQ(text(), "/ 0\n");
  EXPECT_EQ(dir_.read(kName).size(), 32768U);
  for (unsigned seed = 0; seed < 30; ++seed) {
    BoltModel model;
    RandomChanges changes(seed);
    Draft filled;
    ASSERT_TRUE(ok(changes.change(model, filled)));
    write(make_database(filled));
    ASSERT_TRUE(text() == model.text()) << "seed " << seed;
  }
}

TEST_F(TransactionTest, ManyTransactionsLeaveWhatTheModelHolds) {
  for (const std::uint32_t page_size : {4096U, 8192U, 16384U, 65536U}) {
    write(database_of_page_size(page_size));
    BoltModel model;
    RandomChanges changes(page_size);
    for (unsigned round = 0; round < 12; ++round) {
      ASSERT_TRUE(ok(commit_change(dir_.fd(), model, changes)));
      ASSERT_TRUE(text() == model.text()) << "pages of " << page_size << ", round " << round;
    }
  }
}

TEST_F(TransactionTest, IsReadBesideItsLockAndKnowsWhenThatIsThePast) {
  write_living_store();
  const auto held = open();
  const auto beside = Database::open(dir_.fd(), kName, Database::Access::beside);
  ASSERT_TRUE(ok(beside));
  EXPECT_TRUE((*beside)->is_current().value());
  Transaction transaction(held);
  ASSERT_TRUE(ok(transaction.root().put("new", "value")));
  ASSERT_TRUE(ok(transaction.commit()));
  EXPECT_FALSE((*beside)->is_current().value());
}

TEST_F(TransactionTest, ReadsBackWhatIsNotCommittedYet) {
  write_living_store();
  Transaction transaction(open());
  Draft& root = transaction.root();
  Draft* const bucket = root.make_bucket("new").value();
  ASSERT_TRUE(ok(bucket->put("key", "value")));
  EXPECT_EQ(bucket->get("key").value(), "value");
  EXPECT_EQ(bucket->get("other").value(), std::nullopt);
  EXPECT_EQ(root.get("new").value(), std::nullopt);
  EXPECT_EQ(bucket->find_bucket("key").value(), nullptr);
  EXPECT_EQ(root.find_bucket("new").value(), bucket);
  ASSERT_TRUE(ok(bucket->erase("key")));
  EXPECT_EQ(bucket->get("key").value(), std::nullopt);
}

TEST_F(TransactionTest, RefusesKeysThatBboltWouldRefuse) {
  Draft root;
  EXPECT_TRUE(fails_saying("a key of 0 bytes", root.put("", "value")));
  EXPECT_TRUE(fails_saying("a key of 32769 bytes", root.put(std::string(32769, 'k'), "value")));
  EXPECT_TRUE(ok(root.put(std::string(32768, 'k'), "value")));
}

TEST_F(TransactionTest, WithoutAChangeWritesNothing) {
  const BoltModel model = write_living_store();
  const std::string before = dir_.read(kName);
  const auto written = commit([&model](Draft& root) -> Result<void> {
    const auto& [key, value] = *model.values.begin();
    TRY(root.put(key, value));
    TRY(root.make_bucket(model.buckets.begin()->first));
    return root.erase("not there");
  });
  ASSERT_TRUE(ok(written));
  EXPECT_EQ(*written, 0U);
  EXPECT_TRUE(dir_.read(kName) == before);
}

TEST_F(TransactionTest, ChangesOneMetaPageAndOnlyAppendsElse) {
  BoltModel model = write_living_store();
  const std::string before = dir_.read(kName);
  const PageId high_water = open()->meta().high_water;
  RandomChanges changes(3);
  const auto written = commit_change(dir_.fd(), model, changes);
  ASSERT_TRUE(ok(written));
  const std::string after = dir_.read(kName);
  const std::size_t end = high_water * 4096;
  EXPECT_TRUE(after.substr(4096, end - 4096) == before.substr(4096, end - 4096));
  EXPECT_TRUE(after.substr(0, 4096) != before.substr(0, 4096));
  EXPECT_EQ(*written, (open()->meta().high_water - high_water + 1) * 4096);
}

// Of a bucket that is not opened not even the bytes of an inline page change, which this checks
// with one that is damaged.
TEST_F(TransactionTest, ABucketThatWasNotOpenedKeepsItsBytes) {
  Draft root;
  ASSERT_TRUE(ok(root.make_bucket("damaged").value()->put("marker-key", "value")));
  ASSERT_TRUE(ok(root.make_bucket("other")));
  std::string file = make_database(root);
  const std::size_t leaf = file.find("marker-key") - 32; // behind its header and one element
  file[leaf + 8] = 77;                                   // flags
  write(file);
  ASSERT_TRUE(ok(commit([](Draft& changed) -> Result<void> {
    Draft* const other = TRY(changed.find_bucket("other"));
    return other->put("key", "value");
  })));
  EXPECT_TRUE(fails_saying("inline", bolt_text_of(dir_.fd(), kName)));
  const std::string after = dir_.read(kName);
  EXPECT_EQ(after.substr(after.rfind("marker-key") - 32, 47), file.substr(leaf, 47));
}

TEST_F(TransactionTest, SmallBucketsAreInlineUpToAQuarterOfAPage) {
  for (const std::size_t size : {1024U - 32U - 1U, 1024U - 32U}) {
    Draft root;
    ASSERT_TRUE(ok(root.make_bucket("b").value()->put("k", std::string(size, 'v'))));
    const std::string file = make_database(root);
    write(file);
    EXPECT_EQ(open()->meta().high_water, size == 991 ? 3U : 4U);
  }
}

TEST_F(TransactionTest, ALargeTreeHasBranchesAndIsReadByFewPages) {
  Draft root;
  Draft* const bucket = root.make_bucket("many").value();
  for (int i = 0; i < 20000; ++i) {
    ASSERT_TRUE(
        ok(bucket->put(fmt::format("{:05}{}", i, std::string(i % 500 == 0 ? 5000 : 20, 'k')),
                       std::string(i % 700 == 0 ? 20000 : 8, 'v'))));
  }
  write(make_database(root));
  const Bucket many = *Bucket::root_of(open()).bucket("many").value();
  for (int i = 0; i < 20000; i += 50) {
    const auto found =
        many.get(fmt::format("{:05}{}", i, std::string(i % 500 == 0 ? 5000 : 20, 'k')));
    ASSERT_TRUE(ok(found));
    ASSERT_TRUE(found->has_value()) << i;
    EXPECT_EQ((*found)->size(), i % 700 == 0 ? 20000U : 8U);
    EXPECT_EQ(many.get(fmt::format("{:05}", i)).value(), std::nullopt);
  }
  EXPECT_EQ(many.get("z").value(), std::nullopt);
}

// What a kill or a power cut can leave: any part of the pages without the meta page, or all of them
// and any part of that.
TEST_F(TransactionTest, KilledAnywhereLeavesTheStateBeforeOrTheNewOne) {
  BoltModel model = write_living_store();
  const std::string old_text = model.text();
  const std::string before = dir_.read(kName);
  const std::size_t end = open()->meta().high_water * 4096;
  RandomChanges changes(11);
  ASSERT_TRUE(ok(commit_change(dir_.fd(), model, changes)));
  const std::string after = dir_.read(kName);
  ASSERT_TRUE(old_text != model.text());

  for (std::size_t size = end; size <= after.size(); size += 4096 - 1024) {
    std::string file = before;
    file.resize(std::max(before.size(), size));
    write(file.replace(end, size - end, after, end, size - end));
    ASSERT_TRUE(text() == old_text) << size;
  }
  for (std::size_t torn = 0; torn <= 80; torn += 4) {
    write(after.substr(0, torn) + before.substr(torn, 4096 - torn) + after.substr(4096));
    ASSERT_TRUE(text() == (torn == 80 ? model.text() : old_text)) << torn;
    // The next one goes on from there.
    ASSERT_TRUE(ok(commit([](Draft& root) -> Result<void> {
      TRY(root.make_bucket("next"));
      return {};
    })));
    ASSERT_NE(text().find("/6e657874/ 0\n"), std::string::npos) << torn;
  }
}

TEST_F(TransactionTest, AFullVolumeLeavesTheFileAsItWas) {
  write_living_store();
  const std::string before = dir_.read(kName);
  Transaction transaction(open());
  ASSERT_TRUE(ok(transaction.root().put("large", std::string(1 << 20, 'v'))));
  // A limit of the process in place of the volume: EFBIG for ENOSPC.
  struct rlimit old {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  const struct rlimit small { before.size() + 8192, old.rlim_max };
  ASSERT_NE(::signal(SIGXFSZ, SIG_IGN), SIG_ERR);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto written = transaction.commit();
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
  EXPECT_TRUE(test::fails_with(EFBIG, written));
  EXPECT_TRUE(dir_.read(kName) == before);
}

} // namespace
} // namespace dind::bolt
