# What cpack makes of the preset package: Debian packages polecat and polecat-cuda, and a portable archive that carries
# every library. Not of other builds, which may hold code for one processor alone.
install(CODE "
  set(PROGRAM \"$<TARGET_FILE:polecat>\")
  set(CORE \"$<TARGET_FILE:polecat_core>\")
  set(QT_PLUGINS \"${QT6_INSTALL_PREFIX}/${QT6_INSTALL_PLUGINS}\")
  set(SOURCE \"${CMAKE_SOURCE_DIR}\")
  include(\"${CMAKE_CURRENT_LIST_DIR}/bundle.cmake\")" COMPONENT bundle)

set(CPACK_PACKAGE_NAME polecat)
set(CPACK_PACKAGE_VENDOR "The Polecat developers")
set(CPACK_PACKAGE_CONTACT "The Polecat developers <developers@polecat.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "See, reduce and run the filters of long-convolution models")
set(CPACK_RESOURCE_FILE_LICENSE "${CMAKE_SOURCE_DIR}/LICENSE")
set(CPACK_GENERATOR "DEB;TXZ")
set(CPACK_PROJECT_CONFIG_FILE "${CMAKE_CURRENT_LIST_DIR}/archive.cmake")
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_COMPONENTS_ALL program)
set(CPACK_COMPONENT_PROGRAM_DESCRIPTION
  "A workbench for language models of the Hyena family: opens a trained checkpoint, shows every filter, finds the
recurrence of a few states that may replace it, and runs both beside each other.")

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS "${CMAKE_BINARY_DIR}/lib/polecat")
set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME polecat)
# The window needs the plugin that draws SVG icons; nothing links it.
set(CPACK_DEBIAN_PROGRAM_PACKAGE_DEPENDS "libqt6svg6")
set(CPACK_DEBIAN_PROGRAM_PACKAGE_RECOMMENDS "qt6-wayland")
if(TARGET polecat_cuda)
  list(APPEND CPACK_COMPONENTS_ALL cuda)
  set(CPACK_DEBIAN_PROGRAM_PACKAGE_SUGGESTS "polecat-cuda")
  set(CPACK_COMPONENT_CUDA_DESCRIPTION
    "The module that lets polecat run models on NVIDIA GPUs of compute capability 8.0 and newer. It needs NVIDIA's driver
and cuBLASLt 13, which Debian does not have; without them polecat says so and uses the CPU.")
  set(CPACK_DEBIAN_CUDA_PACKAGE_NAME polecat-cuda)
  set(CPACK_DEBIAN_CUDA_PACKAGE_DEPENDS "polecat (= ${PROJECT_VERSION})")
  set(CPACK_DEBIAN_CUDA_PACKAGE_RECOMMENDS "libcublas-13-0 | libcublas-13-1 | libcublas-13-2 | libcublas-13-3")
  get_filename_component(cublas_dir "${CUDA_cublasLt_LIBRARY}" DIRECTORY)
  list(APPEND CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS "${cublas_dir}")
endif()
include(CPack)
