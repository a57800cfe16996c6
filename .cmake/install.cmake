# What `cmake --install` and cpack put where. Components: program (the workbench), cuda (its module for GPUs), library
# (analysis and engine with headers and a CMake package) for people who build on them, bundle (what the portable archive
# carries besides).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# The library: static archives, every public header under include/polecat, find_package(Polecat).
set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/Polecat")
install(TARGETS polecat_settings polecat_analysis polecat_engine EXPORT PolecatTargets
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT library)
foreach(room IN ITEMS analysis engine)
  install(DIRECTORY "${CMAKE_SOURCE_DIR}/${room}" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/polecat" COMPONENT library
    FILES_MATCHING PATTERN "*.h" PATTERN cuda EXCLUDE PATTERN cpu EXCLUDE)
endforeach()
install(EXPORT PolecatTargets NAMESPACE Polecat:: DESTINATION "${package_dir}" COMPONENT library)
configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/PolecatConfig.cmake.in"
  "${CMAKE_BINARY_DIR}/PolecatConfig.cmake" INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file("${CMAKE_BINARY_DIR}/PolecatConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_BINARY_DIR}/PolecatConfig.cmake" "${CMAKE_BINARY_DIR}/PolecatConfigVersion.cmake"
  DESTINATION "${package_dir}" COMPONENT library)

if(POLECAT_WINDOW)
  set(desktop "${CMAKE_SOURCE_DIR}/resources/desktop")
  install(FILES "${desktop}/org.polecat.Polecat.desktop" DESTINATION share/applications COMPONENT program)
  install(FILES "${desktop}/org.polecat.Polecat.metainfo.xml" DESTINATION share/metainfo COMPONENT program)
  install(FILES "${desktop}/polecat-mime.xml" DESTINATION share/mime/packages RENAME polecat.xml COMPONENT program)
  install(FILES "${CMAKE_SOURCE_DIR}/resources/icons/polecat.svg"
    DESTINATION share/icons/hicolor/scalable/apps RENAME org.polecat.Polecat.svg COMPONENT program)
  install(FILES "${desktop}/copyright" DESTINATION share/doc/polecat COMPONENT program)
  install(FILES "${CMAKE_SOURCE_DIR}/resources/fonts/Inter-LICENSE.txt"
    "${CMAKE_SOURCE_DIR}/resources/fonts/JetBrainsMono-LICENSE.txt" DESTINATION share/doc/polecat/fonts COMPONENT program)
  if(TARGET polecat_cuda)
    install(FILES "${desktop}/copyright" DESTINATION share/doc/polecat-cuda COMPONENT cuda)
  endif()
endif()
if(POLECAT_DISPATCH AND POLECAT_WINDOW)
  include(packages)
endif()
