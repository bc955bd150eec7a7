#include <supervise/post_start.hpp>

#include <daemon/engine_api.hpp>

namespace dind::supervise {
namespace {

constexpr auto kVersionTimeout = std::chrono::seconds(2);

std::string line(std::string_view key, std::string_view value) {
  return fmt::format("{}={}\n", key, value);
}

} // namespace

PostStart run_post_start(const std::string& api, const HookSetting& hooks) {
  PostStart told;
  told.failures = run_hooks(hooks);
  if (!api.empty()) {
    const daemon::EngineApi engine(api, kVersionTimeout);
    const auto version = engine.version();
    told.engine = version ? *version : "";
    if (const auto storage = engine.storage()) { // its own choice, where that was left to it
      told.driver = storage->driver;
      told.store = storage->containerd_store ? "containerd" : "graph";
    }
  }
  return told;
}

std::string print_post_start(const PostStart& post_start) {
  std::string text = line("engine", post_start.engine) + line("driver", post_start.driver) +
                     line("store", post_start.store);
  for (const std::string& failure : post_start.failures) {
    text += line("failure", failure);
  }
  return text;
}

PostStart parse_post_start(std::string_view text) {
  PostStart told;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view entry = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t cut = std::min(entry.find('='), entry.size());
    const std::string_view key = entry.substr(0, cut);
    std::string value(entry.substr(std::min(cut + 1, entry.size())));
    if (key == "engine") {
      told.engine = std::move(value);
    } else if (key == "driver") {
      told.driver = std::move(value);
    } else if (key == "store") {
      told.store = std::move(value);
    } else if (key == "failure") {
      told.failures.push_back(std::move(value));
    }
  }
  return told;
}

} // namespace dind::supervise
