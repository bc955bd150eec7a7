#include <support/cache_builder.hpp>
#include <support/seeder.hpp>
#include <support/tar_builder.hpp>

#include <benchmark/benchmark.h>

#include <unistd.h>

#include <deque>
#include <string>
#include <vector>

namespace {

using namespace dind;
using test::CacheBuilder;
using test::TarBuilder;
using test::TempDir;

// Seeds a cache by link into a new data root for each round; only the seeding is timed.
void seed_by_link(benchmark::State& state, CacheBuilder& builder) {
  builder.finish();
  const auto cache = cache::Cache::open(builder.dir().path()).value();
  // Not removed between rounds: an ext4 without a journal walks over inodes that were freed a
  // minute ago (fs/ext4/ialloc.c, recently_deleted), which no first boot meets.
  static std::deque<TempDir> roots;
  for (auto round : state) {
    state.PauseTiming();
    const TempDir& root = roots.emplace_back();
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
    ->Args({60, 20})
    ->Unit(benchmark::kMillisecond);

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
  static std::deque<TempDir> roots;
  for (auto round : state) {
    state.PauseTiming();
    const TempDir& root = roots.emplace_back();
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
