#include <images/source_spec.hpp>

#include <algorithm>
#include <array>

namespace dind::images {
namespace {

struct Transport {
  std::string_view name;
  SourceSpec::Kind kind;
};

constexpr std::array kTransports = {
    Transport{"docker-archive", SourceSpec::Kind::docker_archive},
    Transport{"oci", SourceSpec::Kind::oci_layout},
    Transport{"oci-archive", SourceSpec::Kind::oci_archive},
    Transport{"docker-daemon", SourceSpec::Kind::docker_daemon},
};

// What other tools read images from; a path is hardly ever named so.
constexpr std::array<std::string_view, 5> kForeignTransports = {
    "docker", "dir", "containers-storage", "ostree", "sif"};

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kBlanks = " \t\r";

// A # begins a comment, but not in the midst of a word, where it is a part of a name.
std::string_view without_comment(std::string_view line) {
  for (std::size_t at = line.find('#'); at != std::string_view::npos; at = line.find('#', at + 1)) {
    if (at == 0 || kBlanks.find(line[at - 1]) != std::string_view::npos) {
      return line.substr(0, at);
    }
  }
  return line;
}

} // namespace

std::string SourceSpec::name() const {
  for (const Transport& transport : kTransports) {
    if (transport.kind == kind) {
      return std::string(transport.name) + ":" + (kind == Kind::docker_daemon ? reference : path);
    }
  }
  return path;
}

Result<SourceSpec> parse_source_spec(std::string_view text) {
  if (text == "-") {
    return SourceSpec{SourceSpec::Kind::docker_archive, "-", ""};
  }
  const std::size_t colon = text.find(':');
  const std::string_view prefix = text.substr(0, colon);
  const auto* const transport =
      std::find_if(kTransports.begin(), kTransports.end(),
                   [&](const Transport& known) { return known.name == prefix; });
  if (colon == std::string_view::npos || transport == kTransports.end()) {
    if (text.empty()) {
      return input_error("empty source: give {}", kSourceForms);
    }
    if (colon != std::string_view::npos &&
        std::find(kForeignTransports.begin(), kForeignTransports.end(), prefix) !=
            kForeignTransports.end()) {
      return input_error("{}: sources of the kind \"{}\" cannot be read: give {}", text, prefix,
                         kSourceForms);
    }
    return SourceSpec{SourceSpec::Kind::any, std::string(text), ""};
  }
  const std::string_view rest = text.substr(colon + 1);
  if (transport->kind == SourceSpec::Kind::docker_daemon) {
    return rest.empty() ? input_error("{}: no image behind \"{}:\"", text, prefix)
                        : Result<SourceSpec>(SourceSpec{transport->kind, "", std::string(rest)});
  }
  const std::size_t split = rest.find(':');
  SourceSpec spec{transport->kind, std::string(rest.substr(0, split)), ""};
  if (spec.path.empty()) {
    return input_error("{}: no path behind \"{}:\"", text, prefix);
  }
  if (split != std::string_view::npos) {
    spec.reference = rest.substr(split + 1);
    if (spec.reference.empty()) {
      return input_error("{}: no reference behind the last colon", text);
    }
  }
  if (spec.is_stdin() && spec.kind == SourceSpec::Kind::oci_layout) {
    return input_error("{}: a directory cannot be read from standard input", text);
  }
  return spec;
}

Result<std::vector<SourceSpec>> parse_source_list(std::string_view text) {
  std::vector<SourceSpec> specs;
  if (text.starts_with(kByteOrderMark)) {
    text.remove_prefix(kByteOrderMark.size());
  }
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.find('\0') != std::string_view::npos) {
      return input_error("line {}: a NUL byte; the list must be text in UTF-8", number);
    }
    line = without_comment(line);
    const std::size_t first = line.find_first_not_of(kBlanks);
    if (first == std::string_view::npos) {
      continue;
    }
    line = line.substr(first, line.find_last_not_of(kBlanks) - first + 1);
    specs.push_back(TRY(parse_source_spec(line).within(fmt::format("line {}", number))));
  }
  return specs;
}

} // namespace dind::images
