#pragma once

#include <base/json.hpp>
#include <base/reason.hpp>
#include <base/result.hpp>
#include <daemon/daemon_json.hpp>

#include <boost/filesystem/path.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dind::daemon {

namespace fs = boost::filesystem;

// What `lay_under` must add to `user` to make `effective` of it.
json::object additions(const json::object& user, const json::object& effective);

// How the effective file came of the user's: enough to make it again, in any process of this
// container.
struct Recipe {
  fs::path users;      // the path that the user knows
  fs::path effective;  // our copy
  fs::path mounted_on; // where the user's path led when the copy was mounted; "": it was not
  json::object added;  // settings of ours
  std::vector<std::string> gone; // settings of theirs that are given as flags now
  std::string written;           // the copy's content, as we wrote it
  std::string first_mirror = {}; // before their "registry-mirrors"; "" = none of ours
};
std::string print_recipe(const Recipe& recipe);
Result<Recipe> parse_recipe(std::string_view text);

// Writes the effective settings to `runtime_dir`/daemon.json (with the mode of the user's file, or
// 0644) and bind-mounts that over the user's path, so that clients read what dockerd reads. The
// user's file is never written, and stays within reach as `runtime_dir`/daemon.user.json; if the
// default one is missing, an empty object is made to mount on. Returns why it could not be
// mounted, if so: dockerd has to be pointed to the copy then. Keeps the recipe there, too.
Result<std::optional<Reason>> place_effective_file(const DaemonFile& file,
                                                   const Effective& effective,
                                                   const fs::path& runtime_dir);

// The path of the copy.
fs::path effective_file_in(const fs::path& runtime_dir);

// Forgets the recipe of an earlier start, whose mounts have gone with it.
Result<void> forget_effective_file(const fs::path& runtime_dir);

// Reads the user's file again, wherever it is now, and writes the effective one anew, in place: a
// reader that has it open sees the new content. What counts as the user's is the first of
//  - a file that took the place of the one we mounted on, as when a ConfigMap is updated; it is
//  mounted on again,
//  - what the user wrote into the effective file itself,
//  - the file below the mount.
// False where no effective file is in place, and dockerd reads the user's own. After an error the
// effective file is as it was.
Result<bool> renew_effective_file(const fs::path& runtime_dir);

} // namespace dind::daemon
