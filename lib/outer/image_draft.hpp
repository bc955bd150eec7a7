#pragma once

#include <bake/progress.hpp>
#include <base/fd.hpp>
#include <images/spool.hpp>
#include <outer/finished_image.hpp>
#include <outer/image_target.hpp>

#include <boost/filesystem/path.hpp>

#include <memory>
#include <string>

namespace dind::outer {

// An image in the making: a hidden directory for its blobs, on the filesystem where they are
// going to be. Until `store` nothing is seen of it, and the destructor leaves nothing else. What
// killed runs have left there goes.
class ImageDraft {
public:
  // The parent of the target must exist. An OCI layout may exist, and is added to; the file of an
  // archive is replaced, at the end of its symlinks, and nothing else is. Errors of the target
  // carry no errno.
  static Result<std::unique_ptr<ImageDraft>> create(const ImageTarget& target);
  ~ImageDraft();
  ImageDraft(const ImageDraft&) = delete;
  ImageDraft& operator=(const ImageDraft&) = delete;

  const Fd& dir() const { return dir_; }
  // Where that is, for messages.
  const boost::filesystem::path& place() const { return place_; }

  // Gives the image to its target, unless that is an engine.
  Result<void> store(const FinishedImage& image, bake::Progress& progress, const StopFlag& stop);
  // The archive for `docker load`. Of this draft, which must outlive it.
  Result<ArchiveStream> stream(const FinishedImage& image) const;

private:
  explicit ImageDraft(ImageTarget target) : target_(std::move(target)) {}
  Result<void> begin_in_layout();
  Result<void> open_layout();
  Result<void> check_layout() const;
  Result<void> make_dir(const std::string& prefix);
  Result<void> store_file(const FinishedImage& image, bake::Progress& progress,
                          const StopFlag& stop);

  ImageTarget target_;
  boost::filesystem::path path_; // of the layout or file, without a symlink at its end
  boost::filesystem::path place_;
  Fd parent_;        // where the draft is: the layout itself, or the directory of the archive
  std::string name_; // of the draft in it
  Fd dir_;
  bool made_layout_ = false;
};

} // namespace dind::outer
