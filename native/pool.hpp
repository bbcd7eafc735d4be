// Threads that share the stages of a computation.
//
// A job is a list of stages, each of so many tiles. Every thread that takes part claims tiles one
// at a time; a stage begins when the one before it is done. Nobody waits for a thread, only for
// tiles, so a thread that the system keeps from running delays no more than the tile it holds.
#pragma once

#include <functional>

namespace squeezebert {

// Called with stage and tile, from several threads at once for tiles of one stage.
using Work = std::function<void(int stage, int tile)>;

// Does `stages` of `tiles` each on up to `threads` threads, the caller among them. Throws what work
// throws first, when no thread does any more of it.
//
// The process has one set of workers. While they are busy with another caller's job, the caller
// does its own alone, so that concurrent calls never use more threads than one at a time would, but
// for the callers themselves.
void run_stages(int stages, int tiles, int threads, const Work& work);

}  // namespace squeezebert
