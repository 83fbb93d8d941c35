#include "pool.h"

#include <pthread.h>
#include <signal.h>

#include <atomic>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

// How often a thread looks for work, or for the others to finish, before it sleeps: some twenty microseconds. Products
// follow each other closely while a model runs, and to be woken takes as long; but a thread that went on spinning would
// take a core from whoever works.
constexpr int SPINS = 1600;
constexpr int MOST_THREADS = 256;

inline void pause() {
#if defined(__x86_64__)
    _mm_pause();
#endif
}

struct Pool {
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t work_came = PTHREAD_COND_INITIALIZER, all_left = PTHREAD_COND_INITIALIZER;
    // Under `lock`: what is to be done, if anything, how many more may help, and how many are helping.
    void (*work)(void *, int64_t) = nullptr;
    void *context = nullptr;
    int64_t items = 0;
    int wanted = 0;
    int threads = 0;
    std::atomic<int> inside{0};
    std::atomic<int64_t> next{0};
    std::atomic<uint32_t> calls{0};  // rises with every one, so that threads can look without the lock
    std::atomic<bool> taken{false};
};

std::atomic<Pool *> current{nullptr};

void take_items(Pool &pool, void (*work)(void *, int64_t), void *context, int64_t items) {
    for (;;) {
        const int64_t item = pool.next.fetch_add(1, std::memory_order_relaxed);
        if (item >= items) return;
        work(context, item);
    }
}

void *worker(void *given) {
    Pool &pool = *static_cast<Pool *>(given);
    uint32_t seen = 0;
    for (;;) {
        for (int i = 0; i < SPINS && pool.calls.load(std::memory_order_acquire) == seen; i++) pause();
        pthread_mutex_lock(&pool.lock);
        while (pool.calls.load(std::memory_order_relaxed) == seen) pthread_cond_wait(&pool.work_came, &pool.lock);
        seen = pool.calls.load(std::memory_order_relaxed);
        if (pool.wanted == 0) {  // enough came before, or the call is over
            pthread_mutex_unlock(&pool.lock);
            continue;
        }
        pool.wanted--;
        pool.inside.fetch_add(1, std::memory_order_relaxed);
        const auto work = pool.work;
        void *const context = pool.context;
        const int64_t items = pool.items;
        pthread_mutex_unlock(&pool.lock);
        take_items(pool, work, context, items);
        pthread_mutex_lock(&pool.lock);
        if (pool.inside.fetch_sub(1, std::memory_order_release) == 1) pthread_cond_signal(&pool.all_left);
        pthread_mutex_unlock(&pool.lock);
    }
    return nullptr;
}

// After a fork only the forking thread is there: the parent's pool is left to itself.
void forget_pool() { current.store(nullptr, std::memory_order_release); }

Pool *pool_of_process() {
    Pool *pool = current.load(std::memory_order_acquire);
    if (pool) return pool;
    static const int registered = pthread_atfork(nullptr, nullptr, forget_pool);
    if (registered != 0) return nullptr;
    Pool *made = new Pool;
    if (current.compare_exchange_strong(pool, made, std::memory_order_acq_rel)) return made;
    delete made;
    return pool;
}

// Up to `count` threads, as many as the system gives. They take no signals: those are for the program's own threads.
void make_threads(Pool &pool, int count) {
    if (pool.threads >= count) return;
    sigset_t every, before;
    sigfillset(&every);
    pthread_sigmask(SIG_SETMASK, &every, &before);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_t thread;
    while (pool.threads < count && pthread_create(&thread, &attributes, worker, &pool) == 0) pool.threads++;
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

// Helpers that come late find no items left; only those inside are waited for.
void wait_for_helpers(Pool &pool) {
    for (int i = 0; i < SPINS && pool.inside.load(std::memory_order_acquire) != 0; i++) pause();
    pthread_mutex_lock(&pool.lock);
    pool.wanted = 0;
    while (pool.inside.load(std::memory_order_acquire) != 0) pthread_cond_wait(&pool.all_left, &pool.lock);
    pthread_mutex_unlock(&pool.lock);
}

}  // namespace

void run_parallel(int threads, int64_t items, void (*work)(void *, int64_t), void *context) {
    if (threads > MOST_THREADS) threads = MOST_THREADS;
    if (threads > items) threads = static_cast<int>(items);
    Pool *pool = threads > 1 ? pool_of_process() : nullptr;
    if (!pool || pool->taken.exchange(true, std::memory_order_acquire)) {
        for (int64_t item = 0; item < items; item++) work(context, item);
        return;
    }
    make_threads(*pool, threads - 1);
    pthread_mutex_lock(&pool->lock);
    pool->work = work;
    pool->context = context;
    pool->items = items;
    pool->wanted = threads - 1;
    pool->next.store(0, std::memory_order_relaxed);
    pool->calls.fetch_add(1, std::memory_order_release);
    if (threads == 2) pthread_cond_signal(&pool->work_came);
    else pthread_cond_broadcast(&pool->work_came);
    pthread_mutex_unlock(&pool->lock);
    take_items(*pool, work, context, items);
    wait_for_helpers(*pool);
    pool->taken.store(false, std::memory_order_release);
}
