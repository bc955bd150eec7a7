#include <support/cache_builder.hpp>
#include <support/seeder.hpp>
#include <support/tar_builder.hpp>

#include <benchmark/benchmark.h>

#include <unistd.h>

#include <cstdlib>
#include <deque>
#include <string>
#include <tuple>
#include <vector>

namespace {

using namespace dind;
using test::CacheBuilder;
using test::TarBuilder;
using test::TempDir;

// Where data roots are made: DIND_BENCH_ROOTS, a directory on the filesystem to measure.
TempDir& new_root() {
  // Not removed between rounds: an ext4 without a journal walks over inodes that were freed a
  // minute ago (fs/ext4/ialloc.c, recently_deleted), which no first boot meets.
  static std::deque<TempDir> roots;
  const char* place = std::getenv("DIND_BENCH_ROOTS");
  return roots.emplace_back(place ? place : "");
}

// Seeds a cache by link into a new data root for each round; only the seeding is timed.
void seed_by_link(benchmark::State& state, CacheBuilder& builder) {
  builder.finish();
  const auto cache = cache::Cache::open(builder.dir().path()).value();
  for (auto round : state) {
    state.PauseTiming();
    const TempDir& root = new_root();
    test::Seeder seeder(root);
    seeder.caches = {&cache};
    seeder.settings.seed = config::Strategy::link;
    state.ResumeTiming();
    const auto report = seeder.run();
    if (!report || !report->images_missing.empty()) {
      state.SkipWithError("not seeded");
      break;
    }
  }
}

// Arguments: layers, files a layer. The time must not depend on the files.
void borrow_layers(benchmark::State& state) {
  CacheBuilder builder;
  std::vector<Digest> layers;
  for (int number = 0; number < state.range(0); ++number) {
    TarBuilder tar;
    tar.directory("d");
    for (int file = 0; file < state.range(1); ++file) {
      tar.file(fmt::format("d/{}-{}", number, file), std::string(1000, 'x'));
    }
    layers.push_back(builder.add_layer(tar.finish()));
  }
  builder.add_image("app:1", layers);
  seed_by_link(state, builder);
}
BENCHMARK(borrow_layers)
    ->Args({10, 20})
    ->Args({10, 200})
    ->Args({41, 20})
    ->Args({60, 20})
    ->Unit(benchmark::kMillisecond);

// What the kernel alone takes to make the inodes of as many borrowed layers: the floor of the
// above.
void bare_inodes(benchmark::State& state) {
  for (auto round : state) {
    state.PauseTiming();
    const TempDir& root = new_root();
    state.ResumeTiming();
    for (int layer = 0; layer < state.range(0); ++layer) {
      for (const char* dir : {"graph", "record"}) {
        const std::string name = fmt::format("{}-{}", dir, layer);
        std::ignore = sys::make_dir_at({root.fd(), name}, 0700);
        const Fd inside = sys::open_dir_at({root.fd(), name}).value();
        for (const char* file : {"a", "b", "c"}) {
          const std::string of = file;
          std::ignore = sys::create_file_at({inside, of}, "sha256:0123456789abcdef", 0644);
        }
        const std::string link = "link";
        std::ignore = sys::symlink_at("/var/lib/dind-cache/l/0123456789abcdef", {inside, link});
      }
      const std::string link = fmt::format("link-{}", layer);
      std::ignore = sys::symlink_at("../graph/diff", {root.fd(), link});
    }
  }
}
BENCHMARK(bare_inodes)->Arg(41)->Unit(benchmark::kMillisecond);

// Argument: deletions, in a layer on top of another.
void borrow_deletions(benchmark::State& state) {
  CacheBuilder builder;
  TarBuilder base;
  base.directory("d").file("d/kept", "kept");
  TarBuilder top;
  top.directory("d");
  std::vector<std::string> whiteouts;
  for (int number = 0; number < state.range(0); ++number) {
    whiteouts.push_back(fmt::format("d/deleted-file-{}", number));
    top.whiteout(whiteouts.back());
  }
  const Digest lower = builder.add_layer(base.finish());
  builder.add_image("app:1", {lower, builder.add_layer(top.finish(), whiteouts)});
  seed_by_link(state, builder);
}
BENCHMARK(borrow_deletions)->Arg(0)->Arg(10'000)->Unit(benchmark::kMillisecond);

// What the kernel alone takes to enter as many names into one directory: the floor of the above.
void bare_links(benchmark::State& state) {
  for (auto round : state) {
    state.PauseTiming();
    const TempDir& root = new_root();
    const auto deleted = root.write("deleted", "");
    std::vector<std::string> names;
    for (int number = 0; number < state.range(0); ++number) {
      names.push_back(fmt::format("{}-file-{}", deleted.string(), number));
    }
    state.ResumeTiming();
    for (const std::string& name : names) {
      if (::link(deleted.c_str(), name.c_str()) != 0) {
        state.SkipWithError("not linked");
        break;
      }
    }
  }
}
BENCHMARK(bare_links)->Arg(10'000)->Unit(benchmark::kMillisecond);

// Arguments: images, layers of each image alone; ten more are shared by all.
void borrow_images(benchmark::State& state) {
  CacheBuilder builder;
  const auto layer = [&](const std::string& name) {
    return builder.add_layer(TarBuilder().directory("d").file("d/" + name, name).finish());
  };
  std::vector<Digest> shared;
  for (int number = 0; number < 10; ++number) {
    shared.push_back(layer(fmt::format("shared-{}", number)));
  }
  for (int image = 0; image < state.range(0); ++image) {
    std::vector<Digest> layers = shared;
    for (int number = 0; number < state.range(1); ++number) {
      layers.push_back(layer(fmt::format("{}-{}", image, number)));
    }
    builder.add_image(fmt::format("app:{}", image), layers);
  }
  seed_by_link(state, builder);
}
BENCHMARK(borrow_images)->Args({330, 3})->Unit(benchmark::kMillisecond);

} // namespace
