// The Kotlin side as an Android library (AAR). pom.xml beside this file is the same for the JVM, with the tests.
plugins {
    id("com.android.library") version "8.13.0"
    id("org.jetbrains.kotlin.android") version "2.2.21"
}

// Where `cargo xtask bindings` puts the Kotlin files, and cargo-ndk the libraries: see mobile-ffi/README.md.
val bindings = file("../../target/bindings")

android {
    namespace = "muster.mobile"
    compileSdk = 36
    defaultConfig {
        // java.lang.ref.Cleaner is not there before 33: JNA's own stands in for it.
        minSdk = 26
        consumerProguardFiles("consumer-rules.pro")
    }
    sourceSets["main"].apply {
        kotlin.srcDir(bindings.resolve("kotlin"))
        jniLibs.srcDir(bindings.resolve("android"))
    }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }
}

kotlin {
    jvmToolchain(17)
}

dependencies {
    api("org.jetbrains.kotlinx:kotlinx-coroutines-android:1.10.2")
    // From 5.18.1 on JNA's own libraries are aligned to pages of 16 KB.
    implementation("net.java.dev.jna:jna:5.18.1@aar")
}
