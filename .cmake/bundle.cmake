# Run when the component bundle is installed: copies what the program needs of the Debian system it was built on, so that
# it runs on another Linux: libraries, plugins of Qt, a C library for older systems, and their licences.
# Expects PROGRAM, CORE (as built), QT_PLUGINS (a folder) and SOURCE.
set(root "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}")
set(library_dir "${root}/lib/polecat")

function(carry file destination)
  get_filename_component(name "${file}" NAME)
  file(REAL_PATH "${file}" file)
  file(MAKE_DIRECTORY "${destination}")
  file(COPY_FILE "${file}" "${destination}/${name}")
endfunction()

set(plugins "")
foreach(plugin IN ITEMS
    platforms/libqoffscreen platforms/libqxcb platforms/libqwayland-generic
    wayland-shell-integration/libxdg-shell wayland-decoration-client/libbradient
    iconengines/libqsvgicon imageformats/libqsvg imageformats/libqjpeg
    platforminputcontexts/libcomposeplatforminputcontextplugin platforminputcontexts/libibusplatforminputcontextplugin)
  set(file "${QT_PLUGINS}/${plugin}.so")
  if(NOT EXISTS "${file}")
    message(FATAL_ERROR "The portable bundle needs Qt's plugin ${plugin}, which is not in ${QT_PLUGINS}; "
      "packages libqt6svg6 and qt6-wayland have what qt6-base-dev has not")
  endif()
  get_filename_component(kind "${plugin}" DIRECTORY)
  carry("${file}" "${library_dir}/plugins/${kind}")
  list(APPEND plugins "${file}")
endforeach()

file(GET_RUNTIME_DEPENDENCIES EXECUTABLES "${PROGRAM}" LIBRARIES "${CORE}" MODULES ${plugins}
  RESOLVED_DEPENDENCIES_VAR libraries)
list(FILTER libraries EXCLUDE REGEX "/libpolecat_[^/]*$")
foreach(library IN LISTS libraries)
  get_filename_component(name "${library}" NAME)
  if(name MATCHES "^ld-linux")
    carry("${library}" "${root}/bin") # beside the program, which finds its files from the place of what was started
  elseif(name MATCHES "^lib(c|m|mvec|dl|pthread|rt|resolv|util|anl)\\.so")
    carry("${library}" "${library_dir}/glibc")
  else()
    carry("${library}" "${library_dir}")
  endif()
endforeach()

# The launcher prefers the C library of the system where it is at least as new as this one.
execute_process(COMMAND getconf GNU_LIBC_VERSION OUTPUT_VARIABLE version COMMAND_ERROR_IS_FATAL ANY)
if(NOT version MATCHES "^glibc 2\\.([0-9]+)")
  message(FATAL_ERROR "The portable bundle is made with glibc 2, and this is ${version}")
endif()
set(GLIBC_MINOR "${CMAKE_MATCH_1}")
configure_file("${SOURCE}/resources/bundle/polecat.in" "${root}/polecat" @ONLY
  FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
carry("${SOURCE}/resources/bundle/qt.conf" "${root}/bin")
carry("${SOURCE}/resources/bundle/fonts.conf" "${root}/share/polecat")
carry("${SOURCE}/LICENSE" "${root}")

# Each carried file belongs to a package, whose licence goes with it. dpkg may know it with or without /usr.
set(paths "")
foreach(file IN LISTS libraries plugins)
  file(REAL_PATH "${file}" file)
  string(REGEX REPLACE "^/usr/" "/" short "${file}")
  list(APPEND paths "${short}" "/usr${short}")
endforeach()
execute_process(COMMAND dpkg-query -S ${paths} OUTPUT_VARIABLE owners ERROR_QUIET)
string(REGEX MATCHALL "[^\n]+" owners "${owners}")
set(packages "")
foreach(line IN LISTS owners)
  if(line MATCHES "^([a-z0-9.+-]+)(:[a-z0-9]+)?: /")
    list(APPEND packages "${CMAKE_MATCH_1}")
  endif()
endforeach()
list(LENGTH packages owned)
list(LENGTH libraries count)
list(LENGTH plugins more)
math(EXPR count "${count} + ${more}")
if(owned LESS count)
  message(FATAL_ERROR "Only ${owned} of the ${count} carried libraries belong to a Debian package, so that their licences are known")
endif()
list(REMOVE_DUPLICATES packages)
foreach(package IN LISTS packages)
  carry("/usr/share/doc/${package}/copyright" "${root}/share/doc/polecat/libraries/${package}")
endforeach()
