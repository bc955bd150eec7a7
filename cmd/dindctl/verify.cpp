#include "failure.hpp"
#include "show_line.hpp"
#include "verbs.hpp"

#include <cache/reader.hpp>
#include <cache/reference.hpp>
#include <cache/verify.hpp>
#include <sys/file.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

namespace dind::ctl {
namespace {

constexpr std::string_view kVerifyVerb = "verify";
constexpr const char* kVerifyFooter =
    R"(Every layer's tar is made again and hashed, and owners, modes, times, links and
capabilities are compared with its headers. The first wrong path of each layer is
printed.

Examples:
  dindctl verify /var/lib/dind-cache
  dindctl verify --list images.txt out/cache

Exit codes:
  0   whole
  1   not whole, or an image of the list is missing
  64  usage
  65  a cache that cannot be understood, or such a list
  74  the system refused: no cache there, no permission)";
constexpr std::size_t kReferencesLimit = 16U << 20U;

// One reference a line; blank lines and what follows a # do not count.
std::vector<std::string> parse_list(const std::string& text) {
  std::vector<std::string> references;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    line.erase(std::min(line.find('#'), line.size()));
    const auto first = line.find_first_not_of(" \t\r");
    if (first != std::string::npos) {
      references.push_back(line.substr(first, line.find_last_not_of(" \t\r") - first + 1));
    }
  }
  return references;
}

Result<std::vector<std::string>> read_list(const std::string& path) {
  if (path != "-") {
    return parse_list(TRY(sys::read_file(path, kReferencesLimit)));
  }
  const Fd own(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0));
  return parse_list(TRY(sys::read_all(own, kReferencesLimit).within("standard input")));
}

bool has(const std::vector<std::string>& list, const std::string& text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

Result<bool> is_in(const cache::Manifest& manifest, const std::string& text) {
  const auto id = Digest::parse(text);
  const auto name = cache::parse_reference(text);
  if (!id && !name) {
    return name.error();
  }
  return std::any_of(manifest.images.begin(), manifest.images.end(), [&](const auto& image) {
    return (id && image.id == *id) ||
           (name && name->digest && has(image.digests, name->familiar_digested(*name->digest))) ||
           (name && !name->digest && has(image.names, name->familiar_tagged()));
  });
}

// Prints what of the list is missing, and returns the exit code so far.
int check_list(const cache::Manifest& manifest, const std::string& path) {
  const auto references = read_list(path);
  if (!references) {
    return fail(kVerifyVerb, references.error());
  }
  int code = kDone;
  for (const std::string& reference : *references) {
    const auto found = is_in(manifest, reference);
    if (!found) {
      return fail(kVerifyVerb, Error(found.error()).within(path));
    }
    if (!*found) {
      show_line("{} is not in the cache", reference);
      code = kDoesNotHold;
    }
  }
  return code;
}

int run_verify(const std::string& path, const std::string& list) {
  const auto cache = cache::Cache::open(path);
  if (!cache) {
    return fail(kVerifyVerb, cache.error());
  }
  int code = kDone;
  if (!list.empty()) {
    code = check_list(cache->manifest(), list);
    if (code != kDone && code != kDoesNotHold) {
      return code;
    }
  }
  const bool is_terminal = ::isatty(STDERR_FILENO) == 1;
  const auto flaws = cache::verify(*cache, [is_terminal](std::size_t done, std::size_t in_all) {
    if (is_terminal) {
      fmt::print(stderr, "\r\x1b[K{} of {} layers{}", done, in_all,
                 done == in_all ? "\r\x1b[K" : "");
    }
  });
  if (!flaws) {
    return fail(kVerifyVerb, Error(flaws.error()).within(path));
  }
  for (const cache::Flaw& flaw : *flaws) {
    show_line("{}: {}", flaw.path, flaw.what);
    code = kDoesNotHold;
  }
  if (code == kDone) {
    show_line("{}: {} images and {} layers are whole", path, cache->manifest().images.size(),
              cache->manifest().layers.size());
  }
  return code;
}

} // namespace

void add_verify(CLI::App& app, int& exit_code) {
  const auto path = std::make_shared<std::string>();
  const auto list = std::make_shared<std::string>();
  auto* const verb = app.add_subcommand("verify", "proves that a cache is whole and bit-exact");
  verb->add_option("cache", *path, "the cache")->type_name("DIR")->required();
  verb->add_option("--list", *list,
                   "images that must be there: a reference or ID a line, # begins a comment; - is "
                   "standard input")
      ->type_name("FILE");
  verb->footer(kVerifyFooter);
  verb->callback([path, list, &exit_code] { exit_code = run_verify(*path, *list); });
}

} // namespace dind::ctl
