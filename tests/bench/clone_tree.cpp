#include <clone/tree_cloner.hpp>

#include <sys/file.hpp>

#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

// Clones a tree once, for scripts that time it beside other programs.
//   clone_tree reflink|hardlink|copy JOBS FROM TO     (TO is made)
// Prints counts and the peak resident set.
int main(int count, char** arguments) {
  using namespace dind;
  const std::map<std::string, clone::CloneMethod> methods = {
      {"reflink", clone::CloneMethod::reflink},
      {"hardlink", clone::CloneMethod::hardlink},
      {"copy", clone::CloneMethod::copy}};
  if (count != 5 || !methods.contains(arguments[1])) {
    std::fputs("usage: clone_tree reflink|hardlink|copy JOBS FROM TO\n", stderr);
    return 64;
  }
  const auto run = [&]() -> Result<void> {
    TRY(sys::make_dirs(arguments[4], 0700));
    const Fd from = TRY(sys::open_dir(arguments[3]));
    const Fd to = TRY(sys::open_dir(arguments[4]));
    clone::CloneOptions options;
    options.method = methods.at(arguments[1]);
    options.jobs = static_cast<unsigned>(std::strtoul(arguments[2], nullptr, 10));
    clone::CloneProgress progress;
    TRY(clone::clone_tree(from, to, options, progress));
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    fmt::print("files={} bytes={} written={} inodes={} peak_kib={}\n", progress.files.load(),
               progress.bytes.load(), progress.written.load(), progress.inodes.load(),
               usage.ru_maxrss);
    return {};
  };
  const auto done = run();
  if (!done) {
    std::fprintf(stderr, "clone_tree: %s\n", done.error().describe().c_str());
    return 74;
  }
  return 0;
}
