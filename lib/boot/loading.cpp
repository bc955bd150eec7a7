#include <boot/loading.hpp>

#include <base/log.hpp>
#include <boot/private_engine.hpp>
#include <daemon/engine_api.hpp>
#include <seed/executor.hpp>
#include <seed/load_choice.hpp>
#include <seed/load_stream.hpp>
#include <store/layout.hpp>
#include <sys/dir.hpp>
#include <sys/file.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include <fmt/format.h>

namespace dind::boot {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kLoadLineEvery = std::chrono::seconds(5);
constexpr auto kStartPatience = std::chrono::minutes(2);
constexpr auto kQuestionTimeout = std::chrono::seconds(30);
// An engine says nothing while it unpacks a layer, which may be large and its disk slow.
constexpr auto kStepTimeout = std::chrono::minutes(10);
constexpr auto kStopPatience = std::chrono::seconds(30); // dockerd gives itself 15
constexpr auto kShortPatience = std::chrono::seconds(3);
constexpr const char* kOutOfTime = "the time of DIND_SEED_BUDGET was up";

// Loads image by image, and remembers what came of each.
class Loader {
public:
  Loader(const config::Settings& settings, const Findings& found, report::StatusBoard& board,
         const std::function<bool()>& stopped)
      : found_(found), board_(board), stopped_(stopped), receipt_(found.receipt) {
    if (settings.seed_budget.count() > 0) {
      deadline_ = Clock::now() + settings.seed_budget;
    }
    if (receipt_.layers.empty()) { // else they are still to be checked after a reboot
      receipt_.boot_id = found.boot_id;
      receipt_.driver = found.driver.driver;
    }
  }

  bool is_over() const { return stopped_() || is_out_of_time(); }

  void give_up(std::string why) {
    why_none_ = is_out_of_time() ? kOutOfTime : std::move(why);
    failure_ = "no image can be loaded: " + why_none_;
    warnings_.push_back(failure_);
  }

  // Takes up the engine's own list of images.
  Result<void> ask(const std::string& socket, const std::vector<seed::ImageStep>& images) {
    const daemon::EngineApi api(socket, kQuestionTimeout);
    engine_.by_manifest = TRY(api.has_containerd_store());
    engine_.names = TRY(names_of(api));
    for (const seed::ImageStep& step : images) {
      const cache::Image& image = image_of(step);
      if (seed::choose_load(image, engine_, receipt_).present ||
          (!engine_.by_manifest && engine_.names.contains(image.id))) {
        count(step, seed::Method::present);
      }
    }
    return {};
  }

  // Loads an image if the engine lacks it, or a name of it. `engine` may be none: nothing
  // can be loaded then, and nothing was asked.
  void add(const seed::ImageStep& step, PrivateEngine* engine, const std::string& socket) {
    const cache::Image& image = image_of(step);
    const seed::LoadChoice choice = seed::choose_load(image, engine_, receipt_);
    if (choice.present || (!engine && step.present)) {
      count(step, seed::Method::present);
      ++images_;
      return;
    }
    if (step.unwanted) {
      return;
    }
    for (const std::string& name : choice.withheld) {
      warnings_.push_back(fmt::format("{} stays with the image that the user gave it to", name));
    }
    if (!why_none_.empty()) {
      missing_.push_back(cache::label_of(image));
      return;
    }
    std::string why = step.missing_why;
    if (why.empty() && is_out_of_time()) {
      why = kOutOfTime;
    }
    if (why.empty()) { // hence something was to be loaded, and there is an engine
      auto loaded = load(step, choice, *engine, socket);
      why = loaded ? "" : reason_of(loaded.error(), *engine);
    }
    if (why.empty()) {
      ++images_;
      return;
    }
    missing_.push_back(cache::label_of(image));
    warnings_.push_back(fmt::format("image {} is not seeded: {}", cache::label_of(image), why));
    failure_ = failure_.empty() ? warnings_.back() : failure_;
  }

  // Reports, and returns why not all images are there, or "".
  std::string report(report::Status& status) const {
    for (const std::string& warning : warnings_) {
      board_.warn(warning);
    }
    status.images = images_;
    status.images_missing = missing_;
    status.strategy = seed::name_of(seed::Method::load);
    status.reason = found_.driver.why;
    for (const seed::Method method : {seed::Method::load, seed::Method::present}) {
      const auto layers = layers_.find(method);
      const std::uint64_t number = layers == layers_.end() ? 0 : layers->second;
      status.layers_by_method.emplace_back(seed::name_of(method), number);
      status.layers += number;
    }
    status.bytes = bytes_;
    status.bytes_by_method.emplace_back("load", bytes_);
    status.result = missing_.empty() ? report::Outcome::ok
                    : images_ > 0    ? report::Outcome::degraded
                                     : report::Outcome::cold;
    log::info("seeded {} images, {} layers of {} bytes, by load", images_, status.layers, bytes_);
    return missing_.empty() ? ""
                            : fmt::format("{} images are missing; {}", missing_.size(), failure_);
  }

private:
  using Names = std::map<Digest, std::set<std::string>>;

  bool is_out_of_time() const { return deadline_ && Clock::now() >= *deadline_; }

  static Result<Names> names_of(const daemon::EngineApi& api) {
    Names names;
    const auto images = TRY(api.images());
    for (const daemon::ImageSummary& image : images) {
      names[TRY(Digest::parse(image.id))].insert(image.names.begin(), image.names.end());
    }
    return names;
  }

  const cache::Cache& cache_of(const seed::ImageStep& step) const {
    return found_.caches.open[step.cache];
  }
  const cache::Image& image_of(const seed::ImageStep& step) const {
    return cache_of(step).manifest().images[step.image];
  }

  // Counts the layers of an image that the engine has now, each once.
  void count(const seed::ImageStep& step, seed::Method method) {
    const cache::Image& image = image_of(step);
    const auto chain = cache::chain_ids(image.layers);
    for (std::size_t i = 0; i < chain.size(); ++i) {
      if (held_.insert(chain[i]).second) {
        ++layers_[method];
        bytes_ += cache_of(step).manifest().find(image.layers[i])->bytes;
      }
    }
  }

  Result<void> load(const seed::ImageStep& step, const seed::LoadChoice& choice,
                    PrivateEngine& engine, const std::string& socket) {
    const cache::Image& image = image_of(step);
    const seed::LoadRequest request{.cache = cache_of(step),
                                    .image = image,
                                    .tags = choice.tags,
                                    .held = engine_.by_manifest ? std::set<Digest>() : held_};
    const auto archive = TRY(seed::open_load_stream(request));
    const auto reader = [&](std::span<std::byte> into) -> Result<std::size_t> {
      const std::size_t got = TRY(archive->read(into));
      sent_ += got;
      return got;
    };
    const auto interrupted = [&]() {
      tell_progress(image);
      return is_over() || !engine.runs();
    };
    TRY(daemon::EngineApi(socket, kStepTimeout).load(reader, interrupted));
    count(step, seed::Method::load);
    return note(image, choice.tags, daemon::EngineApi(socket, kQuestionTimeout));
  }

  // Writes down at once what is there now: the next boot goes by it.
  Result<void> note(const cache::Image& image, const std::vector<std::string>& tags,
                    const daemon::EngineApi& api) {
    engine_.names = TRY(names_of(api));
    Digest engine_id = image.id;
    for (const auto& [id, names] : engine_.names) {
      if (!tags.empty() && names.contains(tags.front())) {
        engine_id = id;
      }
    }
    seed::note_load(image.id, engine_id, tags, receipt_);
    const std::string own = store::kOwnDir;
    const Fd own_dir = TRY(sys::open_dir_at({found_.data_root, own}));
    return seed::write_receipt(own_dir, receipt_);
  }

  std::string reason_of(const Error& error, PrivateEngine& engine) const {
    if (!engine.runs()) {
      return "the engine ended while it loaded";
    }
    return error.is(std::errc::operation_canceled) && is_out_of_time() ? kOutOfTime
                                                                       : error.describe();
  }

  void tell_progress(const cache::Image& image) {
    if (Clock::now() < next_line_) {
      return;
    }
    next_line_ = Clock::now() + kLoadLineEvery;
    log::info("loading {}: {} images are there, {} MB were sent in all", cache::label_of(image),
              images_, sent_ / 1'000'000);
  }

  const Findings& found_;
  report::StatusBoard& board_;
  const std::function<bool()>& stopped_;
  seed::Receipt receipt_;
  seed::EngineImages engine_;
  std::optional<Clock::time_point> deadline_;
  Clock::time_point next_line_ = Clock::now() + kLoadLineEvery;
  std::string why_none_;  // not empty: no image can be loaded
  std::string failure_;   // the first one
  std::set<Digest> held_; // chain IDs of layers that the engine has
  std::map<seed::Method, std::uint64_t> layers_;
  std::vector<std::string> missing_;
  std::vector<std::string> warnings_;
  std::uint64_t images_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t sent_ = 0;
};

bool has_all_names(const cache::Image& image, const store::DriverState& state) {
  return std::all_of(image.names.begin(), image.names.end(), [&](const std::string& name) {
    return state.references.contains(name); // perhaps with an image of the user's
  });
}

// What the data root has less now than before.
void count_written(const sys::FreeSpace& before, const Fd& data_root, report::Status& status) {
  if (const auto after = sys::free_space(data_root)) {
    status.bytes_written = before.bytes > after->bytes ? before.bytes - after->bytes : 0;
    status.files_written = before.inodes > after->inodes ? before.inodes - after->inodes : 0;
  }
}

// A directory that only root can enter, and that goes with its owner: dockerd gives its
// socket to the group `docker`, which may have members.
class PrivateDir {
public:
  static Result<PrivateDir> make(const fs::path& runtime_dir) {
    PrivateDir dir(TRY(sys::open_dir(runtime_dir)), runtime_dir);
    TRY(sys::remove_tree_at({dir.parent_, dir.name_})); // of a boot that was killed
    TRY(sys::make_dir_at({dir.parent_, dir.name_}, 0700));
    return dir;
  }
  ~PrivateDir() {
    if (parent_) {
      std::ignore = sys::remove_tree_at({parent_, name_});
    }
  }
  PrivateDir(PrivateDir&&) = default;
  PrivateDir& operator=(PrivateDir&&) = delete;

  fs::path path() const { return runtime_dir_ / name_; }

private:
  PrivateDir(Fd parent, fs::path runtime_dir)
      : parent_(std::move(parent)), runtime_dir_(std::move(runtime_dir)) {}

  Fd parent_;
  fs::path runtime_dir_;
  std::string name_ = "load";
};

// An error means that nothing can be loaded.
Result<void> load_with_engine(const Seeding& seeding, const LoadingEngine& how, Loader& loader,
                              report::StatusBoard& board, const std::function<bool()>& stopped) {
  const PrivateDir dir = TRY(PrivateDir::make(how.runtime_dir));
  const daemon::Launch launch = TRY(daemon::configure_private(
      how.invocation, how.flags, how.file, how.choice, dir.path(), how.notify.path().native()));
  const auto is_over = [&]() { return loader.is_over(); };
  PrivateEngine engine =
      TRY(PrivateEngine::start(launch, how.notify, how.mask, is_over, kStartPatience));
  TRY(loader.ask(launch.api, seeding.plan.images));
  for (const seed::ImageStep& step : seeding.plan.images) {
    if (stopped()) {
      break;
    }
    loader.add(step, &engine, launch.api);
  }
  if (!engine.stop(stopped() ? kShortPatience : kStopPatience)) {
    board.warn("the dockerd that loaded the images did not end by SIGTERM, and was killed");
  }
  return {};
}

// Whether there is something to load, as far as the data root tells.
bool has_to_load(const Seeding& seeding) {
  const store::DriverState& state = seeding.found.state.of(seeding.found.driver.driver);
  return std::any_of(seeding.plan.images.begin(), seeding.plan.images.end(),
                     [&](const seed::ImageStep& step) {
                       const cache::Cache& cache = seeding.found.caches.open[step.cache];
                       const cache::Image& image = cache.manifest().images[step.image];
                       return !step.unwanted && step.missing_why.empty() &&
                              !(step.present && has_all_names(image, state));
                     });
}

} // namespace

std::string load_images(const config::Settings& settings, const Seeding& seeding,
                        const LoadingEngine& how, report::StatusBoard& board,
                        const std::function<bool()>& stopped) {
  board.begin("seed");
  board.enter(report::State::seeding);
  const auto before = sys::free_space(seeding.found.data_root);
  Loader loader(settings, seeding.found, board, stopped);
  const bool is_needed = has_to_load(seeding);
  const auto done =
      is_needed ? load_with_engine(seeding, how, loader, board, stopped) : Result<void>();
  if (!done) {
    loader.give_up(done.error().describe());
  }
  if (!is_needed || !done) {
    for (const seed::ImageStep& step : seeding.plan.images) {
      loader.add(step, nullptr, "");
    }
  }
  std::string failure = loader.report(board.status());
  if (before) {
    count_written(*before, seeding.found.data_root, board.status());
  }
  return failure;
}

} // namespace dind::boot
