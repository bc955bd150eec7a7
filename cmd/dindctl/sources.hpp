#pragma once

#include <bake/bake.hpp>
#include <bake/carried_blobs.hpp>
#include <bake/progress.hpp>
#include <daemon/engine_api.hpp>
#include <images/source.hpp>

#include <CLI/App.hpp>

#include <list>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace dind::ctl {

// For the help of the verbs that read images.
inline constexpr const char* kSourcesHelp = R"(Sources:
  docker-archive:FILE[:REF]  what `docker save` writes; FILE may be -
  oci:DIR[:REF]              an OCI image layout, as skopeo and buildx make it
  oci-archive:FILE[:REF]     the same in a tar
  docker-daemon:REF          an image of the engine of DOCKER_HOST
  -                          a `docker save` stream on standard input
  PATH                       an archive or layout, told by what it holds
  @FILE                      a list of sources, one a line; # at the start of a
                             word begins a comment
  Archives and their layers may be plain, gzip, zstd, xz or bzip2. REF picks one
  image; without it, all are taken. REF also names an image of an OCI layout that
  says only its tag.
)";

// The sources that the arguments name, lists replaced by what is in them.
Result<std::vector<images::SourceSpec>> read_sources(const std::vector<std::string>& arguments);

// --progress, and what its value means.
void add_progress_option(CLI::App& verb, std::string& style);
bake::ProgressStyle progress_style(const std::string& name);

// --strict, and what it means.
void add_strict_option(CLI::App& verb, bool& strict);
bake::OnRefusal on_refusal(bool strict);
// What a cache is to carry besides its images, as it is written.
struct CarriedArguments {
  bool blobs = false;
  std::vector<std::string> build_caches; // "NAME=DIR"
};
void add_carried_options(CLI::App& verb, CarriedArguments& arguments);
Result<bake::Carried> parse_carried(const CarriedArguments& arguments);

// The engine of DOCKER_HOST.
Result<daemon::EngineApi> open_engine();
// Whether it answers, within seconds.
Result<void> check_engine();

// Exports images of that engine, each on a thread that writes into a pipe. After
// `catch_stop_signals`: a reader that has had enough is an error of the write.
class EngineExports {
public:
  EngineExports() = default;
  // Every stream must be closed by then.
  ~EngineExports();
  EngineExports(const EngineExports&) = delete;
  EngineExports& operator=(const EngineExports&) = delete;

  Result<images::EngineExport> open(const std::string& reference);
  // Why an export broke off, which its reader can only see as an end.
  std::optional<Error> failure();

private:
  struct Export {
    std::optional<std::jthread> thread; // none: the kernel gave none
    std::optional<Error> failure;
  };
  void join();

  std::list<Export> exports_;
};

} // namespace dind::ctl
