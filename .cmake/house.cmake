# The rules of the house: compiler settings for every target, and who may link whom.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

# For C++ alone: of a CUDA file ccache looks at what the host would compile, and gives old code back when only the
# device's side of an #if __CUDA_ARCH__ changed.
find_program(POLECAT_CCACHE ccache)
if(POLECAT_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${POLECAT_CCACHE}")
endif()

add_library(polecat_settings INTERFACE)
# Of our own code only: who links the installed library keeps their own settings.
target_compile_options(polecat_settings INTERFACE $<BUILD_INTERFACE:-Wall;-Wextra;-Wpedantic;-Wshadow>)
target_compile_features(polecat_settings INTERFACE cxx_std_20)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # False alarms of GCC 12: inside its AVX-512 intrinsics (PR 105593) and in "literal" + std::string (PR 105651).
  target_compile_options(polecat_settings INTERFACE
    $<BUILD_INTERFACE:$<$<COMPILE_LANGUAGE:CXX>:-Wno-maybe-uninitialized>>
    $<BUILD_INTERFACE:$<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>>)
endif()
target_include_directories(polecat_settings INTERFACE
  $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}> $<INSTALL_INTERFACE:include/polecat>)
target_compile_definitions(polecat_settings INTERFACE $<BUILD_INTERFACE:POLECAT_VERSION="${PROJECT_VERSION}">)
if(POLECAT_NATIVE)
  # Also for who links the library: Eigen's memory layout follows the instruction set.
  target_compile_options(polecat_settings INTERFACE -march=native)
endif()
if(POLECAT_SANITIZE)
  target_compile_options(polecat_settings INTERFACE -fsanitize=${POLECAT_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(polecat_settings INTERFACE -fsanitize=${POLECAT_SANITIZE})
endif()
if(POLECAT_COVERAGE)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "POLECAT_COVERAGE needs Clang, which counts in the source, not in what the optimiser made of it")
  endif()
  target_compile_options(polecat_settings INTERFACE -fprofile-instr-generate -fcoverage-mapping)
  target_link_options(polecat_settings INTERFACE -fprofile-instr-generate)
endif()

# polecat_room(NAME MAY_LINK target...): a static library of every source below this folder.
# MAY_LINK is the whole truth of what the room may use; polecat_check_layers() holds it to that.
function(polecat_room name)
  cmake_parse_arguments(ROOM "" "" "MAY_LINK" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cpp" "${CMAKE_CURRENT_SOURCE_DIR}/*.h")
  add_library(polecat_${name} STATIC ${sources})
  set_target_properties(polecat_${name} PROPERTIES LINKER_LANGUAGE CXX)
  target_link_libraries(polecat_${name} PUBLIC polecat_settings)
  set_property(TARGET polecat_${name} PROPERTY POLECAT_MAY_LINK "polecat_settings;${ROOM_MAY_LINK}")
  set_property(GLOBAL APPEND PROPERTY POLECAT_ROOMS polecat_${name})
endfunction()

# Stops configuration when a room links, or includes, what it may not.
function(polecat_check_layers)
  get_property(rooms GLOBAL PROPERTY POLECAT_ROOMS)
  foreach(room IN LISTS rooms)
    get_target_property(linked ${room} LINK_LIBRARIES)
    get_target_property(allowed ${room} POLECAT_MAY_LINK)
    foreach(target IN LISTS linked)
      string(REGEX REPLACE "^\\$<LINK_ONLY:(.*)>$" "\\1" target "${target}")
      if(NOT target IN_LIST allowed)
        message(FATAL_ERROR "Layering: ${room} links ${target}, but may link only: ${allowed}")
      endif()
    endforeach()
  endforeach()
  polecat_check_includes(analysis "^(Q[A-Z]|qcustomplot|cuda|cublas|cufft|engine/|widgets/|app/)")
  polecat_check_includes(engine "^(Q[A-Z]|qcustomplot|widgets/|app/)")
  polecat_check_includes(widgets "^(analysis/|engine/|app/|cuda)")
endfunction()

function(polecat_check_includes folder forbidden)
  file(GLOB_RECURSE sources "${CMAKE_SOURCE_DIR}/${folder}/*.h" "${CMAKE_SOURCE_DIR}/${folder}/*.cpp")
  foreach(source IN LISTS sources)
    file(STRINGS "${source}" includes REGEX "^ *# *include")
    foreach(line IN LISTS includes)
      if(line MATCHES "include *[<\"]([^>\"]+)" AND CMAKE_MATCH_1 MATCHES "${forbidden}")
        message(FATAL_ERROR "Layering: ${source} includes ${CMAKE_MATCH_1}")
      endif()
    endforeach()
  endforeach()
endfunction()
