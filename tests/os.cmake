# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# The simulator, and the driver core on it.  One backend is enough: a coroutine
# loses the processor in the seam only.

# Worlds: fewer where all is slow (support/effort.h).
set(sim_worlds 200)
if(VQP_SANITIZE MATCHES "thread" OR
    CMAKE_CROSSCOMPILING_EMULATOR MATCHES "qemu")
	set(sim_worlds 20)
elseif(VQP_SANITIZE)
	set(sim_worlds 60)
endif()

add_library(vqp_sim_os STATIC support/os/sim_locks.c support/os/sim_memory.c
	support/os/sim_os.c support/os/sim_registers.c support/os/sim_threads.c
	support/os/sim_work.c)
target_include_directories(vqp_sim_os PUBLIC support/os support ../driver/os)
target_compile_definitions(vqp_sim_os PRIVATE
	_GNU_SOURCE _FILE_OFFSET_BITS=64)
target_link_libraries(vqp_sim_os PRIVATE vqp_flags PUBLIC vqp_engine_${VQP_BACKEND_ONCE})

add_library(vqp_core_sim STATIC ${VQP_CORE_SOURCES} support/os/mock_device.c)
target_include_directories(vqp_core_sim PUBLIC ../driver/core)
target_link_libraries(vqp_core_sim PRIVATE vqp_flags PUBLIC vqp_sim_os)

# vqp_sim_test(<folder>/<program> [sources and libraries...])
function(vqp_sim_test source)
	get_filename_component(program ${source} NAME)
	add_executable(${program} ${source}.c)
	target_link_libraries(${program} PRIVATE vqp_sim_os vqp_test_support
		${ARGN})
	add_test(NAME ${program} COMMAND ${program})
	set_tests_properties(${program} PROPERTIES LABELS unit TIMEOUT 120)
endfunction()

vqp_sim_test(unit/test_sim_os)
foreach(noun datagram doorbell end event life qpair)
	vqp_sim_test(unit/test_core_${noun} vqp_core_sim)
endforeach()

# Worlds: real cores on real devices.
add_library(vqp_rig STATIC support/os/sim_rig.c)
target_link_libraries(vqp_rig PRIVATE vqp_flags
	PUBLIC vqp_core_sim vqp_device_${VQP_BACKEND_ONCE})
vqp_sim_test(sim/test_receive vqp_rig)

# The behaviour of VMCI, written once; the simulator is the first subject.
add_library(vqp_conform STATIC conform/conform.c)
target_include_directories(vqp_conform PUBLIC conform ../engine/include)
target_link_libraries(vqp_conform PRIVATE vqp_flags PUBLIC vqp_engine_${VQP_BACKEND_ONCE})
vqp_sim_test(conform/subject_sim vqp_rig vqp_conform)

add_executable(sim_main sim/sim_main.c sim/sim_world.c sim/sim_schedule.c
	sim/sim_faults.c)
target_link_libraries(sim_main PRIVATE vqp_rig vqp_test_support)
add_test(NAME sim_main COMMAND sim_main --seeds ${sim_worlds})
set_tests_properties(sim_main PROPERTIES LABELS sim TIMEOUT 120)
# A run is its seed: each twice, and the traces compared.
add_test(NAME sim_main.twice COMMAND sim_main --seed 300 --seeds 20 --twice)
set_tests_properties(sim_main.twice PROPERTIES LABELS sim TIMEOUT 120)
add_test(NAME sim_main.long COMMAND sim_main --seeds 4000 --jobs 2)
set_tests_properties(sim_main.long PROPERTIES LABELS "sim;slow" TIMEOUT 600
	PROCESSORS 2)
