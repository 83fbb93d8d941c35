// Threads that share a call's work.
#pragma once
#include <cstdint>

// Runs work(context, i) for every i below `items`, on this thread and up to threads - 1 others, which take the next item
// when they are done with one. Returns when all are done. One call at a time has the other threads; a call that comes
// meanwhile, from another thread, does its work alone. The threads are made when they are first wanted; a forked
// process makes its own.
void run_parallel(int threads, int64_t items, void (*work)(void *context, int64_t item), void *context);

template <typename Work>
void each_in_parallel(int threads, int64_t items, Work &&work) {
    run_parallel(
        threads, items, [](void *context, int64_t item) { (*static_cast<Work *>(context))(item); },
        const_cast<void *>(static_cast<const void *>(&work)));
}
