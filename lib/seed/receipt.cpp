#include <seed/receipt.hpp>

#include <base/json.hpp>
#include <sys/dir.hpp>
#include <sys/file.hpp>

namespace dind::seed {
namespace {

constexpr std::uint64_t kVersion = 1;
constexpr std::size_t kLimit = 16U << 20U; // of 10,000 images it has a quarter of that

Result<std::set<std::string>> names_of(const json::value& value) {
  std::set<std::string> names;
  const auto* list = value.if_array();
  if (!list) {
    return input_error("the names of an image in {} are not a list", kReceiptName);
  }
  for (const json::value& name : *list) {
    if (const auto* text = name.if_string()) {
      names.emplace(*text);
    }
  }
  return names;
}

// Not there, or what no seeding has put there: no regular file, or a larger one than any receipt.
bool is_no_receipt(const Error& error) {
  return error.is(std::errc::no_such_file_or_directory) || error.code() == 0;
}

} // namespace

std::string print_receipt(const Receipt& receipt) {
  json::object layers;
  for (const auto& [chain_id, method] : receipt.layers) {
    layers[chain_id.text()] = method;
  }
  json::object images;
  for (const auto& [id, names] : receipt.images) {
    images[id.text()] = json::array(names.begin(), names.end());
  }
  json::object document;
  document["version"] = kVersion;
  document["boot_id"] = receipt.boot_id;
  document["driver"] = receipt.driver;
  document["layers"] = std::move(layers);
  document["images"] = std::move(images);
  if (!receipt.removing.empty()) {
    json::array removing;
    for (const Digest& id : receipt.removing) {
      removing.emplace_back(id.text());
    }
    document["removing"] = std::move(removing);
  }
  return json::print(document, json::Style::compact);
}

Result<Receipt> parse_receipt(std::string_view text) {
  const json::value document = TRY(json::parse(text).within(kReceiptName));
  const auto fields = TRY(json::Fields::of(document).within(kReceiptName));
  if (TRY(fields.number("version").within(kReceiptName)) != kVersion) {
    return input_error("{} is not of version {}", kReceiptName, kVersion);
  }
  Receipt receipt;
  receipt.boot_id = TRY(fields.text("boot_id").within(kReceiptName));
  receipt.driver = TRY(fields.text("driver").within(kReceiptName));
  const json::object* layers = TRY(fields.child("layers").within(kReceiptName));
  for (const auto& [key, value] : *layers) {
    const Digest chain_id = TRY(Digest::parse(key));
    const auto* method = value.if_string();
    receipt.layers.emplace(chain_id, method ? std::string(*method) : "");
  }
  const json::object* images = TRY(fields.child("images").within(kReceiptName));
  for (const auto& [key, value] : *images) {
    const Digest id = TRY(Digest::parse(key));
    receipt.images.emplace(id, TRY(names_of(value)));
  }
  const auto removing = TRY(fields.texts_or_none("removing").within(kReceiptName));
  for (const std::string& id : removing) {
    receipt.removing.insert(TRY(Digest::parse(id)));
  }
  return receipt;
}

Result<Receipt> read_receipt(const Fd& own_dir) {
  const std::string name = kReceiptName;
  auto text = sys::read_file_at({own_dir, name}, kLimit);
  if (!text && is_no_receipt(text.error())) {
    return Receipt();
  }
  if (!text) {
    return text.error();
  }
  auto receipt = parse_receipt(*text);
  return receipt ? std::move(receipt) : Receipt();
}

Result<void> write_receipt(const Fd& own_dir, const Receipt& receipt) {
  const std::string name = kReceiptName;
  const std::string text = print_receipt(receipt);
  const auto before = sys::read_file_at({own_dir, name}, kLimit);
  if (before && *before == text) {
    return {};
  }
  if (!before && is_no_receipt(before.error())) {
    TRY(sys::remove_tree_at({own_dir, name})); // no rename replaces a directory
  }
  // What it replaces would be lost as well.
  const bool knew_something = before && !before->empty();
  return sys::replace_file_at({own_dir, name}, text, 0600,
                              knew_something ? sys::Durable::yes : sys::Durable::no);
}

} // namespace dind::seed
