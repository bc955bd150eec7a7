#pragma once

#include <boot/seeding.hpp>
#include <daemon/launch.hpp>
#include <daemon/notify.hpp>
#include <seed/seed_report.hpp>

#include <boost/filesystem/path.hpp>

#include <signal.h>

#include <functional>
#include <string>

namespace dind::boot {

namespace fs = boost::filesystem;

// Of what the engine that loads is made, see daemon::configure_private.
struct LoadingEngine {
  const daemon::Invocation& invocation;
  const daemon::CommandLine& flags;
  const daemon::DaemonFile& file;
  daemon::EngineChoice choice;
  const fs::path& runtime_dir;
  const daemon::NotifySocket& notify;
  const sigset_t& mask; // of the signals, for it
};

// Carries out a plan by load: if the data root lacks an image, starts the engine where
// no client reaches it, gives it what it lacks, and stops it again. An image that fails costs no
// other. Ends soon, with less done, when `stopped` becomes true or the budget is used up.
seed::SeedReport load_images(const config::Settings& settings, const Seeding& seeding,
                             const LoadingEngine& how, const std::function<bool()>& stopped);

} // namespace dind::boot
