// The command line: one verb, its options, one result. Needs no display. Results go to stdout, everything else to
// stderr; no exception leaves run().
#pragma once

namespace commandline {

// What a verb tells the shell. The numbers are promised to scripts.
enum class Exit {
  ok = 0,
  internal = 1,  // a fault of the program itself
  usage = 2,
  input = 3,
  numerical = 4,
  device = 5,  // a device that is absent, failed, or has too little memory
  output = 6,
  interrupted = 130  // Ctrl-C or SIGTERM, as shells count them
};

// True when the words after the program's name are for run(): a verb, an option, or a mistyped verb (a bare word that
// names no file). False for nothing or files: those belong to the window.
bool isRequested(int argc, const char* const* argv);

// Parses, runs one verb, reports errors as one line on stderr. Returns an Exit.
int run(int argc, const char* const* argv);

}  // namespace commandline
