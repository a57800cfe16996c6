# POLECAT_DISPATCH, for packages: analysis and engine as one shared library, polecat_core, built for any x86-64 and once
# more for each of POLECAT_LEVELS. The C library's loader takes the best build that the processor can run from the
# folders glibc-hwcaps (glibc 2.33 or newer); no code of ours chooses. The window is built once, for any x86-64.
set(POLECAT_LEVELS "x86-64-v3" CACHE STRING "Levels of x86-64 that get a core of their own")

if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$" OR NOT CMAKE_SYSTEM_NAME STREQUAL "Linux")
  message(FATAL_ERROR "POLECAT_DISPATCH knows the levels of x86-64 on Linux only")
endif()
if(POLECAT_NATIVE OR POLECAT_TESTS OR POLECAT_SANITIZE)
  message(FATAL_ERROR "POLECAT_DISPATCH needs POLECAT_NATIVE=OFF and POLECAT_TESTS=OFF, and no sanitizer: use the preset package")
endif()

# One memory layout at every level, in case a matrix ever crosses the border between window and core.
target_compile_definitions(polecat_settings INTERFACE EIGEN_MAX_ALIGN_BYTES=64)

# What the rooms need at link time, besides each other.
set(core_libraries "")
foreach(room IN ITEMS polecat_analysis polecat_engine)
  get_target_property(libraries ${room} LINK_LIBRARIES)
  list(FILTER libraries EXCLUDE REGEX "^polecat_")
  list(APPEND core_libraries ${libraries})
endforeach()
list(REMOVE_DUPLICATES core_libraries)

# polecat_add_core(NAME SUBFOLDER room...): the core from the objects of the rooms, in lib/polecat/SUBFOLDER of the build
# as of an installation.
function(polecat_add_core name subfolder)
  set(objects "")
  foreach(room IN LISTS ARGN)
    set_target_properties(${room} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    # Nobody puts another function in the place of one of ours: the compiler may inline them.
    target_compile_options(${room} PRIVATE -fno-semantic-interposition)
    list(APPEND objects $<TARGET_OBJECTS:${room}>)
  endforeach()
  add_library(${name} SHARED ${objects})
  set_target_properties(${name} PROPERTIES LINKER_LANGUAGE CXX OUTPUT_NAME polecat_core
    LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib/polecat/${subfolder}")
  target_link_libraries(${name} PRIVATE ${core_libraries})
  # The core calls its own instances of templates, not those that the program brings, built for less.
  target_link_options(${name} PRIVATE -Wl,-Bsymbolic-functions -Wl,--no-undefined)
  install(TARGETS ${name} LIBRARY DESTINATION "lib/polecat/${subfolder}" COMPONENT program)
endfunction()

polecat_add_core(polecat_core "" polecat_analysis polecat_engine)
target_link_libraries(polecat_core PUBLIC polecat_settings nlohmann_json::nlohmann_json Eigen3::Eigen Threads::Threads)
target_compile_definitions(polecat_core PUBLIC EIGEN_DONT_PARALLELIZE)
foreach(level IN LISTS POLECAT_LEVELS)
  set(rooms "")
  foreach(room IN ITEMS polecat_analysis polecat_engine)
    get_target_property(sources ${room} SOURCES)
    get_target_property(libraries ${room} LINK_LIBRARIES)
    add_library(${room}_${level} OBJECT ${sources})
    target_link_libraries(${room}_${level} PRIVATE ${room} ${libraries})
    target_compile_options(${room}_${level} PRIVATE -march=${level})
    list(APPEND rooms ${room}_${level})
  endforeach()
  polecat_add_core(polecat_core_${level} "glibc-hwcaps/${level}" ${rooms})
  # The build runs the program, and its loader shall not find half of a library.
  add_dependencies(polecat_core polecat_core_${level})
endforeach()

# What the window links instead of the two rooms.
set(POLECAT_CORES polecat_core)
