#pragma once

#include <base/digest.hpp>
#include <base/fd.hpp>
#include <base/result.hpp>

#include <map>
#include <set>
#include <string>
#include <string_view>

namespace dind::seed {

inline constexpr const char* kReceiptName = "receipt.json"; // in the data root's .dind-init

// In place of a kernel's boot ID: the next boot checks the layers again, whatever kernel it has.
inline constexpr const char* kUnchecked = "unknown";

// What seeding has put into a data root, over all boots. This project's own format.
struct Receipt {
  // Of the kernel under which the last seeding began. What was written under another
  // one may have been lost by a power cut, since nothing is flushed.
  std::string boot_id;
  std::string driver;
  std::map<Digest, std::string> layers;           // by chain ID: the method's name
  std::map<Digest, std::set<std::string>> images; // by ID: the names that it was given
  // Images that a seeding was about to remove when it was killed: if they are gone, it was not
  // the user who removed them.
  std::set<Digest> removing = {};

  bool operator==(const Receipt&) const = default;
};

std::string print_receipt(const Receipt& receipt);
Result<Receipt> parse_receipt(std::string_view text);

// The receipt in `own_dir`. One that is missing, cut short, of another format or no regular file is
// an empty one: nothing is believed of the data root then.
Result<Receipt> read_receipt(const Fd& own_dir);
// Replaces it by a rename. The first one is not flushed: a power cut that takes it takes no
// knowledge of earlier boots.
Result<void> write_receipt(const Fd& own_dir, const Receipt& receipt);

} // namespace dind::seed
