#include <archive/compression.hpp>
#include <archive/sha256.hpp>
#include <support/layer.hpp>
#include <support/tar_builder.hpp>
#include <support/temp_dir.hpp>
#include <tar_split/crc64.hpp>
#include <tar_split/reader.hpp>
#include <tar_split/writer.hpp>

#include <sys/dir.hpp>
#include <sys/spawn.hpp>

#include <benchmark/benchmark.h>

#include <cstdlib>

namespace {

using namespace dind;
using test::TarBuilder;
using test::TempDir;

template <typename T>
T must(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "%s\n", result.error().describe().c_str());
    std::exit(1);
  }
  return std::move(result).value();
}

// A layer like those of a package manager: many small files, a few large ones.
const std::string& layer() {
  static const std::string tar = [] {
    constexpr int kDirectories = 200;
    constexpr int kFiles = 50;
    TarBuilder builder;
    for (int d = 0; d < kDirectories; ++d) {
      const std::string dir = "usr/lib/package" + std::to_string(d) + "/";
      builder.directory(dir);
      for (int f = 0; f < kFiles; ++f) {
        const auto size = static_cast<std::size_t>((d * 7919 + f * 104729) % 9000);
        builder.file(dir + "file" + std::to_string(f), std::string(size, static_cast<char>(f)));
      }
    }
    return builder.finish();
  }();
  return tar;
}

std::string split_of(const std::string& tar) {
  std::string json;
  tar_split::Writer writer([&json](std::string_view text) -> Result<void> {
    json += text;
    return {};
  });
  archive::MemorySource source(tar);
  archive::TarReader reader(source, &writer);
  while (must(reader.next())) {
  }
  must(writer.finish());
  return json;
}

void set_bytes(benchmark::State& state, std::size_t bytes) {
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes) * state.iterations());
}

void crc64(benchmark::State& state) {
  const std::string data(static_cast<std::size_t>(state.range(0)), 'x');
  for ([[maybe_unused]] auto _ : state) {
    tar_split::Crc64Iso crc;
    crc.update(std::as_bytes(std::span(data)));
    benchmark::DoNotOptimize(crc.value());
  }
  set_bytes(state, data.size());
}
BENCHMARK(crc64)->Arg(64)->Arg(1 << 18);

void sha256(benchmark::State& state) {
  const std::string data(1U << 18U, 'x');
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(archive::sha256_of(data));
  }
  set_bytes(state, data.size());
}
BENCHMARK(sha256);

void read_tar(benchmark::State& state) {
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(must(test::members_of(layer())));
  }
  set_bytes(state, layer().size());
}
BENCHMARK(read_tar)->Unit(benchmark::kMillisecond);

void write_tar_split(benchmark::State& state) {
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(split_of(layer()));
  }
  set_bytes(state, layer().size());
}
BENCHMARK(write_tar_split)->Unit(benchmark::kMillisecond);

void gzip_tar_split(benchmark::State& state) {
  const std::string json = split_of(layer());
  std::size_t packed = 0;
  for ([[maybe_unused]] auto _ : state) {
    archive::GzipWriter writer;
    writer.write(json);
    writer.finish();
    packed = writer.take().size();
  }
  set_bytes(state, json.size());
  state.counters["packed"] = static_cast<double>(packed);
}
BENCHMARK(gzip_tar_split)->Unit(benchmark::kMillisecond);

void read_tar_split(benchmark::State& state) {
  const std::string json = split_of(layer());
  for ([[maybe_unused]] auto _ : state) {
    archive::MemorySource source(json);
    tar_split::Reader reader(source);
    while (must(reader.next())) {
    }
  }
  set_bytes(state, json.size());
}
BENCHMARK(read_tar_split)->Unit(benchmark::kMillisecond);

void make_tar_again(benchmark::State& state) {
  const TempDir dir;
  test::RecordingMarks marks;
  const std::string json = must(test::unpack(layer(), dir.fd(), marks));
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(must(test::make_again(json, dir.fd())));
  }
  set_bytes(state, layer().size());
}
BENCHMARK(make_tar_again)->Unit(benchmark::kMillisecond);

void unpack(benchmark::State& state) {
  for ([[maybe_unused]] auto _ : state) {
    state.PauseTiming();
    const auto dir = std::make_unique<TempDir>();
    state.ResumeTiming();
    test::RecordingMarks marks;
    must(test::unpack(layer(), dir->fd(), marks));
    state.PauseTiming();
    must(sys::run({"rm", "-rf", (*dir / "usr").native()}));
    state.ResumeTiming();
  }
  set_bytes(state, layer().size());
}
BENCHMARK(unpack)->Unit(benchmark::kMillisecond)->UseRealTime();

// What `unpack` is to be measured against.
void unpack_with_gnu_tar(benchmark::State& state) {
  const TempDir source;
  const std::string file = source.write("layer.tar", layer()).native();
  for ([[maybe_unused]] auto _ : state) {
    state.PauseTiming();
    const TempDir dir;
    state.ResumeTiming();
    const auto done = must(sys::run({"tar", "-xf", file, "-C", dir.path().native()}));
    if (done.status.code != 0) {
      state.SkipWithError("tar failed");
    }
    state.PauseTiming();
    must(sys::run({"rm", "-rf", (dir / "usr").native()}));
    state.ResumeTiming();
  }
  set_bytes(state, layer().size());
}
BENCHMARK(unpack_with_gnu_tar)->Unit(benchmark::kMillisecond)->UseRealTime();

} // namespace
