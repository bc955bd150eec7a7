#include <daemon/effective_file.hpp>

#include <sys/file.hpp>
#include <sys/mount.hpp>

#include <unistd.h>

#include <tuple>

namespace dind::daemon {
namespace {

constexpr mode_t kDefaultMode = 0644;
constexpr mode_t kPermissions = 0777;
constexpr const char* kCopy = "daemon.json";
constexpr const char* kUsers = "daemon.user.json"; // a bind mount of what lies below ours
constexpr const char* kRecipe = "daemon.recipe.json";

// What the user keeps from other readers stays so in our copy.
Result<mode_t> mode_for_copy(const DaemonFile& file) {
  if (!file.exists) {
    return kDefaultMode;
  }
  const Fd theirs = TRY(sys::open_path(file.path, O_RDONLY));
  const struct stat found = TRY(sys::stat_of(theirs));
  return static_cast<mode_t>(found.st_mode & kPermissions);
}

// Mounts the file at `from` on a name in the runtime directory that is not a mount point yet.
// Both would be one peer group, where what is mounted over the one covers the other as well.
Result<void> keep_within_reach(const fs::path& from, const fs::path& kept) {
  TRY(sys::replace_file(kept, "", 0600, sys::Durable::no));
  TRY(sys::bind_mount(from, kept));
  return sys::make_private(kept);
}

// Mounts the copy over the user's file.
Result<void> mount_over(Recipe& recipe, const fs::path& runtime_dir) {
  const fs::path kept = runtime_dir / kUsers;
  const fs::path target = TRY(sys::canonical_path(recipe.users));
  TRY(keep_within_reach(target, kept));
  auto mounted = sys::bind_mount(effective_file_in(runtime_dir), target);
  if (mounted) {
    recipe.mounted_on = target;
  } else {
    std::ignore = sys::unmount(kept);
  }
  return mounted;
}

// A missing file needs a name to mount on.
Result<void> make_mountable(const DaemonFile& file) {
  if (file.exists) {
    return {};
  }
  TRY(sys::make_dirs(file.path.parent_path(), 0755));
  return sys::replace_file(file.path, "{}\n", kDefaultMode, sys::Durable::no);
}

Result<void> write_recipe(const Recipe& recipe, const fs::path& runtime_dir) {
  return sys::replace_file(runtime_dir / kRecipe, print_recipe(recipe), 0600, sys::Durable::no);
}

// A rename would leave the old file in the mount.
Result<void> write_in_place(const Fd& runtime, const std::string& content) {
  const std::string name = kCopy;
  const Fd fd = TRY(sys::open_at({runtime, name}, O_WRONLY | O_NONBLOCK | O_NOCTTY));
  const struct stat found = TRY(sys::stat_of(fd));
  if (!S_ISREG(found.st_mode)) {
    return input_error("{} is not a regular file", name);
  }
  TRY(sys::write_all(fd, content));
  if (::ftruncate(fd.get(), static_cast<off_t>(content.size())) == -1) {
    return errno_error("truncate {}", name);
  }
  return {};
}

Result<bool> is_same_file(const fs::path& one, const fs::path& other) {
  const Fd first = TRY(sys::open_path(one, O_PATH));
  const auto second = sys::open_path(other, O_PATH);
  if (!second && second.error().is(std::errc::no_such_file_or_directory)) {
    return false;
  }
  if (!second) {
    return second.error();
  }
  const struct stat a = TRY(sys::stat_of(first));
  const struct stat b = TRY(sys::stat_of(*second));
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

// What the user has there: nothing is an object without members.
Result<std::string> read_if_there(const fs::path& path) {
  auto text = read_settings_file(path);
  if (!text && text.error().is(std::errc::no_such_file_or_directory)) {
    return std::string();
  }
  return text;
}

// The user's text, and whether our mounts have to be made anew over it.
struct Found {
  std::string text;
  bool uncovered = false;
};

Result<Found> find_users(const Recipe& recipe, const fs::path& runtime_dir) {
  const fs::path effective = effective_file_in(runtime_dir);
  const bool is_covered = TRY(is_same_file(effective, recipe.users));
  if (!is_covered) {
    return Found{TRY(read_if_there(recipe.users)), !recipe.mounted_on.empty()};
  }
  std::string seen = TRY(sys::read_file(effective, kDaemonJsonLimit));
  if (seen != recipe.written) {
    return Found{std::move(seen), false};
  }
  return Found{TRY(sys::read_file(runtime_dir / kUsers, kDaemonJsonLimit)), false};
}

// The old mount may have gone with the name that it was on.
Result<void> mount_again(Recipe& recipe, const fs::path& runtime_dir) {
  std::ignore = sys::unmount(runtime_dir / kUsers);
  std::ignore = sys::unmount(recipe.mounted_on);
  if (::access(recipe.users.c_str(), F_OK) == -1) {
    return {}; // nothing to mount on, and nothing that dockerd would read
  }
  return mount_over(recipe, runtime_dir);
}

} // namespace

json::object additions(const json::object& user, const json::object& effective) {
  json::object added;
  for (const auto& member : effective) {
    const json::value* theirs = user.if_contains(member.key());
    if (!theirs || theirs->is_null()) {
      added[member.key()] = member.value();
    } else if (theirs->is_object() && member.value().is_object()) {
      json::object inner = additions(theirs->get_object(), member.value().get_object());
      if (!inner.empty()) {
        added[member.key()] = std::move(inner);
      }
    }
  }
  return added;
}

std::string print_recipe(const Recipe& recipe) {
  json::array gone;
  for (const std::string& key : recipe.gone) {
    gone.emplace_back(key);
  }
  const json::object document = {{"users", recipe.users.native()},
                                 {"effective", recipe.effective.native()},
                                 {"mounted_on", recipe.mounted_on.native()},
                                 {"added", recipe.added},
                                 {"first_mirror", recipe.first_mirror},
                                 {"gone", gone},
                                 {"written", recipe.written}};
  return json::print(document, json::Style::pretty);
}

Result<Recipe> parse_recipe(std::string_view text) {
  const json::value document = TRY(json::parse(text));
  const json::Fields fields = TRY(json::Fields::of(document));
  Recipe recipe;
  recipe.users = TRY(fields.text("users"));
  recipe.effective = TRY(fields.text("effective"));
  recipe.mounted_on = TRY(fields.text_or("mounted_on", ""));
  recipe.added = *TRY(fields.child("added"));
  recipe.first_mirror = TRY(fields.text_or("first_mirror", ""));
  recipe.gone = TRY(fields.texts_or_none("gone"));
  recipe.written = TRY(fields.text("written"));
  return recipe;
}

fs::path effective_file_in(const fs::path& runtime_dir) {
  return runtime_dir / kCopy;
}

Result<void> forget_effective_file(const fs::path& runtime_dir) {
  const fs::path recipe = runtime_dir / kRecipe;
  if (::unlink(recipe.c_str()) == -1 && errno != ENOENT) {
    return errno_error("remove {}", recipe.native());
  }
  return {};
}

Result<std::optional<Reason>> place_effective_file(const DaemonFile& file,
                                                   const Effective& effective,
                                                   const fs::path& runtime_dir) {
  Recipe recipe;
  recipe.users = file.path;
  recipe.effective = effective_file_in(runtime_dir);
  recipe.added = additions(file.settings, effective.settings);
  recipe.first_mirror = effective.first_mirror;
  recipe.gone = effective.gone;
  recipe.written = json::print(effective.settings, json::Style::pretty);

  const mode_t mode = TRY(mode_for_copy(file));
  TRY(sys::replace_file(recipe.effective, recipe.written, mode, sys::Durable::no));
  auto mounted = make_mountable(file);
  if (mounted) {
    mounted = mount_over(recipe, runtime_dir);
  }
  TRY(write_recipe(recipe, runtime_dir));
  return mounted ? std::nullopt : std::optional(Reason{mounted.error().describe()});
}

Result<bool> renew_effective_file(const fs::path& runtime_dir) {
  const Fd runtime = TRY(sys::open_dir(runtime_dir));
  const std::string name = kRecipe;
  const auto text = sys::read_file_at({runtime, name}, 2 * kDaemonJsonLimit);
  if (!text && text.error().is(std::errc::no_such_file_or_directory)) {
    return false;
  }
  if (!text) {
    return text.error();
  }
  Recipe recipe = TRY(parse_recipe(*text).within(kRecipe));
  const Found found = TRY(find_users(recipe, runtime_dir));
  json::object settings = TRY(parse_daemon_json(found.text).within(recipe.users.native()));
  for (const std::string& key : recipe.gone) {
    settings.erase(key);
  }
  settings = lay_under(std::move(settings), recipe.added);
  if (!recipe.first_mirror.empty()) {
    settings = with_first_mirror(std::move(settings), recipe.first_mirror);
  }
  recipe.written = json::print(settings, json::Style::pretty);
  TRY(write_in_place(runtime, recipe.written));
  if (found.uncovered) {
    TRY(mount_again(recipe, runtime_dir));
  }
  TRY(write_recipe(recipe, runtime_dir));
  return true;
}

} // namespace dind::daemon
