#pragma once

#include <base/reason.hpp>
#include <base/result.hpp>

#include <boost/filesystem/path.hpp>

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dind::host {

namespace fs = boost::filesystem;

// Which of the kernel's two packet filters the iptables programs are to talk to: the one of the
// variant that PATH has, nearly always nf_tables, or the legacy one.
enum class Tables { standard, legacy };

// What is known so far. What was not tried yet is absent.
struct IptablesFacts {
  std::optional<bool> wish;      // DOCKER_IPTABLES_LEGACY is set, and not empty
  bool has_legacy_rules = false; // the kernel has tables of the legacy kind already
  bool has_legacy_variant = false;
  std::optional<bool> standard_works; // iptables -nL
  std::optional<bool> standard_works_with_modules;
  std::optional<bool> legacy_works;
};

// What to do next: try a variant, perhaps after asking for its modules, or be done.
enum class IptablesStep { try_standard, load_and_try_standard, load_and_try_legacy, done };

struct IptablesChoice {
  IptablesStep next = IptablesStep::done;
  Tables tables = Tables::standard; // once there is nothing left to do
  std::string why;
};

// The stock entrypoint's order: the user's wish; legacy where there are legacy rules, since the two
// do not mix; else what works, and the standard variant, whose error dockerd will tell, if nothing
// does.
IptablesChoice choose_tables(const IptablesFacts& facts);

// What came of it.
struct Iptables {
  IptablesChoice choice;
  std::string legacy_dir; // to be put in front of dockerd's PATH; empty for the standard variant
  std::string version;    // as `iptables --version` says it; empty if there is no such program
  std::optional<Reason> trouble;    // why containers may have no network
  std::optional<Reason> trouble_v6; // the same for ip6tables
};

// Finds out, asking for kernel modules where no variant works without. `wish` is
// DOCKER_IPTABLES_LEGACY: set but empty asks for the standard variant. Links to legacy programs
// are made below `runtime_dir` if the image has no directory of them.
Iptables prepare_iptables(const std::optional<std::string>& wish, const fs::path& runtime_dir);

// Asks the kernel to load a module, as looking up a network device does that does not exist:
// no program is needed, and none of the host's files. Whether it worked shows when it is used.
void request_module(const std::string& name);

// Whether any of these files of /proc/net has a name of a table in it.
bool has_legacy_rules(std::span<const fs::path> lists);

} // namespace dind::host
