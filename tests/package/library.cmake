# Installs the library into a folder of its own, builds the example against it with find_package, runs it on the sample.
# GENERATOR and COMPILER are those of the build: a bare system has no make.
#   cmake -DBUILD=... -DSOURCE=... -DGENERATOR=... -DCOMPILER=... -DWORK=... -P library.cmake
function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY OUTPUT_VARIABLE out)
  set(out "${out}" PARENT_SCOPE)
endfunction()
file(REMOVE_RECURSE "${WORK}")
run(${CMAKE_COMMAND} --install "${BUILD}" --component library --prefix "${WORK}/prefix")
run(${CMAKE_COMMAND} -S "${SOURCE}/tests/package/example" -B "${WORK}/example" -G "${GENERATOR}" -DCMAKE_BUILD_TYPE=Release
  "-DCMAKE_CXX_COMPILER=${COMPILER}" "-DCMAKE_PREFIX_PATH=${WORK}/prefix")
run(${CMAKE_COMMAND} --build "${WORK}/example")
run("${WORK}/example/reduce" "${SOURCE}/resources/sample/novels-hyena-1m.ckpt" 0.0 8)
if(NOT out MATCHES "filter 0\\.0: error 0?\\.[0-9]+ with 8 states, no recurrence of that order below 0?\\.[0-9]+\n")
  message(FATAL_ERROR "The example said: ${out}")
endif()
execute_process(COMMAND "${WORK}/example/reduce" "${SOURCE}/README.md" 0.0 8 RESULT_VARIABLE status ERROR_VARIABLE error)
if(NOT status EQUAL 3)
  message(FATAL_ERROR "A file that is no checkpoint gave ${status}: ${error}")
endif()
file(REMOVE_RECURSE "${WORK}")
