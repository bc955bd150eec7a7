#pragma once

#include <images/image.hpp>
#include <images/image_config.hpp>
#include <images/source_spec.hpp>
#include <images/spool.hpp>

#include <functional>
#include <string>
#include <vector>

namespace dind::images {

// An image that an engine exports: the stream of its `docker save`, and the names with a digest
// that it has there, which the stream does not tell.
struct EngineExport {
  Fd stream;
  std::vector<std::string> digests; // familiar, "alpine@sha256:..."
};

// What reading sources needs besides them.
struct Reading {
  const Fd& scratch; // for what cannot be read at any offset
  const StopFlag& stop;
  SpoolProgress progress;
  std::string platform = host_platform(); // which image of several to take
  // Asks the engine for an image; may be empty where no source is an engine's.
  std::function<Result<EngineExport>(const std::string& reference)> open_engine = {};
};

// Opens a source and describes the images that its reference picks. Errors of the content
// carry no errno. Whatever is said names the source.
Result<SourceContent> read_source(const SourceSpec& spec, const Reading& reading);

} // namespace dind::images
