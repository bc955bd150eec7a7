#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>
#include <registry/missed.hpp>
#include <registry/shelf.hpp>
#include <registry/tally.hpp>

#include <vector>

namespace dind::registry {

// Answers HTTP/1.1 requests that come by `listeners`, which listen, until the process ends. Up to
// four threads, fewer under a pids limit, each with connections of its own, which sleep where
// nothing is asked.
//
// What it costs: a connection is some kilobytes, and there are at most 256; those beyond wait in
// the kernel. Bytes of caches are read for eight connections at a time, and for another one after
// 16 MiB or a second, or when the client takes nothing for a moment: so a slow client holds no
// other up. One that takes less than 64 KiB a minute is cut, as is one whose content turns out to
// be damaged, before its last bytes.
//
// `tally` gets what each thread counted, a second after it began to count: nothing is sent while
// nothing is asked for.
Result<void> serve(const std::vector<Fd>& listeners, Shelf& shelf, Missed& missed,
                   const Tally& tally);

} // namespace dind::registry
