#include <boot/seeding.hpp>

#include <store/layout.hpp>
#include <support/cache_builder.hpp>
#include <support/digest.hpp>
#include <support/expect.hpp>
#include <support/image_mount.hpp>
#include <support/tar_builder.hpp>
#include <support/tree_listing.hpp>
#include <sys/dir.hpp>
#include <sys/file.hpp>
#include <sys/mount.hpp>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace dind::boot {
namespace {

using sys::fs::path;
using test::ok;
using test::TarBuilder;
using test::TempDir;

// What a job can have put in the place of a file.
struct Kind {
  const char* name;
  // Puts it at `file`, which is not there. `text` is what was.
  std::function<void(const path& file, const std::string& text, const path& outside)> put;
};

void link(const path& target, const path& file) {
  ASSERT_EQ(::symlink(target.c_str(), file.c_str()), 0);
}

void node(const path& file, mode_t type) {
  ASSERT_EQ(::mknod(file.c_str(), type | 0600, makedev(1, 5)), 0);
}

void write(const path& file, const std::string& text) {
  ASSERT_TRUE(ok(sys::replace_file(file, text, 0644, sys::Durable::no)));
}

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all = {
      {"fifo", [](const auto& file, const auto&, const auto&) { node(file, S_IFIFO); }},
      {"device", [](const auto& file, const auto&, const auto&) { node(file, S_IFCHR); }},
      {"socket", [](const auto& file, const auto&, const auto&) { node(file, S_IFSOCK); }},
      {"directory", [](const auto& file, const auto&,
                       const auto&) { ASSERT_TRUE(ok(sys::make_dirs(file / "in", 0755))); }},
      {"symlink inside",
       [](const auto& file, const auto& text, const auto&) {
         write(file.native() + ".moved", text);
         link(file.filename().native() + ".moved", file);
       }},
      {"symlink outside",
       [](const auto& file, const auto&, const auto& outside) { link(outside / "secret", file); }},
      {"symlink to a directory",
       [](const auto& file, const auto&, const auto& outside) { link(outside, file); }},
      {"dangling", [](const auto& file, const auto&, const auto&) { link("/none/at/all", file); }},
      {"loop", [](const auto& file, const auto&, const auto&) { link(file.filename(), file); }},
      {"empty", [](const auto& file, const auto&, const auto&) { write(file, ""); }},
      {"terabytes of nothing",
       [](const auto& file, const auto&, const auto&) {
         write(file, "");
         ASSERT_EQ(::truncate(file.c_str(), off_t{1} << 42), 0);
       }},
      {"truncated", [](const auto& file, const auto& text,
                       const auto&) { write(file, text.substr(0, text.size() / 2)); }},
      {"garbage", [](const auto& file, const auto&,
                     const auto&) { write(file, std::string(70'000, '[') + "\xff\x1b"); }},
      {"no rights",
       [](const auto& file, const auto& text, const auto&) {
         write(file, text);
         ASSERT_EQ(::chmod(file.c_str(), 0), 0);
       }},
      {"another owner", [](const auto& file, const auto& text, const auto&) {
         write(file, text);
         ASSERT_EQ(::chown(file.c_str(), 12345, 12345), 0);
       }}};
  return all;
}

// Does something to a file again and again as long as it lives, as a container does that is still
// there.
class Meanwhile {
public:
  using Deed = void (*)(const std::string& file);
  Meanwhile(Deed deed, const path& file)
      : thread_([this, deed, name = file.native()] {
          while (!is_over_) {
            deed(name);
          }
        }) {}
  ~Meanwhile() {
    is_over_ = true;
    thread_.join();
  }

private:
  std::atomic<bool> is_over_ = false;
  std::thread thread_;
};

// It is gone half of the time.
void come_and_go(const std::string& file) {
  std::ignore = ::rename(file.c_str(), (file + ".away").c_str());
  std::ignore = ::rename((file + ".away").c_str(), file.c_str());
}

// It grows, shrinks, and is something else in between.
void change(const std::string& file) {
  const Fd opened(::open(file.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (opened) {
    std::ignore = ::pwrite(opened.get(), "[[[[[[[[[[[[[[[[", 16, 8);
    std::ignore = ::ftruncate(opened.get(), 1 << 20);
    std::ignore = ::ftruncate(opened.get(), 4);
  }
}

// A data root as a boot left it, with a container, in which one file is replaced.
class PlantingTest : public testing::Test {
protected:
  void SetUp() override {
    NEEDS(test::enter_mount_namespace(), "mount namespaces");
    place_ = dir_.make_dir("place");
    ASSERT_TRUE(ok(sys::mount("tmpfs", place_, "tmpfs", 0, "size=64m")));
  }
  void TearDown() override { std::ignore = sys::unmount(place_); }

  PlantingTest() {
    TarBuilder base;
    base.directory("files").file("files/gone", "gone");
    for (unsigned number = 0; number < 40; ++number) {
      base.file(fmt::format("files/{}", number), "x");
    }
    TarBuilder top;
    top.directory("files").whiteout("files/gone");
    for (unsigned number = 0; number < 40; ++number) {
      top.file(fmt::format("files/new{}", number), "y");
    }
    layers_ = {builder_.add_layer(base.finish()), builder_.add_layer(top.finish(), {"files/gone"})};
    image_ = builder_.add_image("app:1", layers_);
    builder_.finish();
    settings_.cache_dirs = {builder_.dir().path().native()};
    outside_.write("secret", "root's");
    EXPECT_EQ(::chmod((outside_ / "secret").c_str(), 0600), 0);
  }

  // What stands in the volume before it is booted again.
  void make_root(const std::string& strategy) {
    const std::string name = "root";
    const Fd place = sys::open_dir(place_).value();
    ASSERT_TRUE(ok(sys::remove_tree_at({place, name})));
    root_ = place_ / name;
    settings_.data_root = root_.native();
    settings_.seed = strategy == "copy" ? config::Strategy::copy : config::Strategy::automatic;
    ASSERT_EQ(boot(), report::Outcome::ok);
    const path container = root_ / store::layerdb_mounts_dir("overlay2") / "c1";
    ASSERT_TRUE(ok(sys::make_dirs(container, 0700)));
    write(container / "parent", cache::chain_ids(layers_).back().text());
  }

  void reboot_kernel() const {
    const path receipt = root_ / store::kOwnDir / seed::kReceiptName;
    std::string text = sys::read_file(receipt, 1U << 20U).value();
    const std::string key = R"("boot_id":")";
    text.replace(text.find(key) + key.size(), 8, "00000000");
    write(receipt, text);
  }

  report::Outcome boot() {
    board_ = report::StatusBoard();
    auto seeding = seed_data_root(settings_, Mode::seed_only, board_);
    EXPECT_TRUE(ok(seeding));
    return board_.status().result.value_or(report::Outcome::cold);
  }

  // Files that boots read, and whether a boot may be cold for what is there: dockerd would not
  // start with it, or it can be seen that this volume is not to be had.
  std::map<std::string, bool> files() const {
    const Digest& base = layers_.front();
    const Digest top = cache::chain_ids(layers_).back();
    const std::string records = store::layerdb_dir("overlay2") + "/";
    const std::string driver = "overlay2/";
    return {
        {".dind-init/receipt.json", false},
        {".dind-init/lock", true},
        {"image/overlay2/repositories.json", true},
        {records + base.hex() + "/diff", false},
        {records + base.hex() + "/cache-id", false},
        {records + base.hex() + "/size", false},
        {records + base.hex() + "/tar-split.json.gz", false},
        {records + top.hex() + "/parent", false},
        {store::image_config_dir("overlay2") + "/" + image_.hex(), false},
        {store::image_metadata_dir("overlay2") + "/" + image_.hex() + "/builtLocally", false},
        {store::layerdb_mounts_dir("overlay2") + "/c1/parent", false},
        {driver + store::cache_id_of(base) + "/link", false},
        {driver + store::cache_id_of(base) + "/committed", false},
        {driver + store::cache_id_of(base) + "/diff", false},
        {driver + store::cache_id_of(top) + "/lower", false},
        {driver + "l/" + store::link_id_of(base), false},
    };
  }

  // The text of a file, and of a symlink where it leads.
  static std::string taken(const path& file) {
    const Fd dir = sys::open_dir(file.parent_path()).value();
    const std::string name = file.filename().native();
    const auto text = sys::read_file_at({dir, name}, 1U << 20U);
    EXPECT_TRUE(ok(sys::remove_tree_at({dir, name})));
    return text ? *text : "";
  }

  // Boots a volume in which one file is something else, and once more.
  void boot_with(const std::string& file, bool may_be_cold, const Kind& kind) {
    const std::string text = taken(root_ / file);
    kind.put(root_ / file, text, outside_.path());
    const report::Outcome outcome = boot();
    EXPECT_TRUE(may_be_cold || outcome == report::Outcome::ok) << board_.status().reason;
    EXPECT_TRUE(outcome == report::Outcome::ok || !board_.status().reason.empty());
  }

  void boot_with_each(const std::string& strategy) {
    const auto before = test::list_tree(outside_.path());
    const auto cache_before = test::list_tree(builder_.dir().path());
    for (const auto& [file, may_be_cold] : files()) {
      for (const Kind& kind : kinds()) {
        for (const bool is_rebooted : {false, true}) {
          SCOPED_TRACE(fmt::format("{} as {}, {}{}", file, kind.name, strategy,
                                   is_rebooted ? ", after a reboot" : ""));
          make_root(strategy);
          if (is_rebooted) {
            reboot_kernel();
          }
          boot_with(file, may_be_cold, kind);
        }
      }
      EXPECT_EQ(test::list_tree(outside_.path()), before) << file;
      EXPECT_EQ(test::list_tree(builder_.dir().path()), cache_before) << file;
    }
  }

  void boot_while(const std::string& strategy, Meanwhile::Deed deed) {
    const auto before = test::list_tree(outside_.path());
    const auto cache_before = test::list_tree(builder_.dir().path());
    for (const auto& [file, may_be_cold] : files()) {
      for (const bool is_rebooted : {false, true}) {
        SCOPED_TRACE(fmt::format("{}, {}{}", file, strategy, is_rebooted ? ", rebooted" : ""));
        make_root(strategy);
        if (is_rebooted) {
          reboot_kernel();
        }
        {
          const Meanwhile meanwhile(deed, root_ / file);
          const report::Outcome outcome = boot();
          EXPECT_TRUE(outcome == report::Outcome::ok || !board_.status().reason.empty());
        }
      }
      EXPECT_EQ(test::list_tree(outside_.path()), before) << file;
      EXPECT_EQ(test::list_tree(builder_.dir().path()), cache_before) << file;
    }
  }

  test::CacheBuilder builder_;
  const TempDir dir_;
  const TempDir outside_;
  path place_;
  path root_;
  std::vector<Digest> layers_;
  Digest image_ = test::number(0);
  config::Settings settings_;
  report::StatusBoard board_;
};

TEST_F(PlantingTest, NothingInTheVolumeOfBorrowedLayersHoldsABootUpOrLeadsItOut) {
  boot_with_each("link");
}

TEST_F(PlantingTest, NothingInTheVolumeOfCopiedLayersHoldsABootUpOrLeadsItOut) {
  boot_with_each("copy");
}

TEST_F(PlantingTest, AFileThatVanishesWhileItIsReadHoldsNoBootUp) {
  boot_while("link", come_and_go);
  boot_while("copy", come_and_go);
}

TEST_F(PlantingTest, AFileThatChangesWhileItIsReadHoldsNoBootUp) {
  boot_while("link", change);
  boot_while("copy", change);
}

} // namespace
} // namespace dind::boot
